"""Reads JSON as RapidJSON does, with the fastest parser that reads it correctly, and converts its values to arrays."""

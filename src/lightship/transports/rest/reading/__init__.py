"""JSON as RapidJSON reads it, by the quickest way that reads it correctly, and its values as arrays."""

"""Signatures and codes."""

"""Reads configuration files: protobuf's text format and PEM."""

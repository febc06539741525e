"""Configuration files, in protobuf's text format and PEM."""

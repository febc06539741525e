"""Attacks on the gRPC server: messages drawn from their descriptions, and the bytes of such messages, changed."""

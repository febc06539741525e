"""Requests that are costly to answer, drawn at random, beside a client that must not notice them."""

"""Requests that are cheap to send and costly to answer, and what another client sees meanwhile."""

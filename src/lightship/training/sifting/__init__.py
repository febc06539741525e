"""Sorts out photos that do not show what somebody collects, by the answers of a general classifier."""

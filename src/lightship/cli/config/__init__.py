"""Reads and checks the configuration files of `lightship serve` (TOML), and checks files of models (text format)."""

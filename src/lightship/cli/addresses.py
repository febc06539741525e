"""Addresses as they are printed: such that what is pasted works on this machine."""

from __future__ import annotations

from urllib.parse import quote

_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def base_url(host: str, port: int) -> str:
    """`http://127.0.0.1:8501`; for a server that listens everywhere, an address of this machine."""
    shown = _ANY.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


def model_url(base: str, model: str) -> str:
    return f"{base}/v1/models/{quote(model, safe='')}"

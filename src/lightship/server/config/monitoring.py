"""Reads the path of the Prometheus metrics page from a monitoring configuration file."""

from __future__ import annotations

from lightship import protos
from lightship.server.config.files import read_config_file

DEFAULT_PATH = "/monitoring/prometheus/metrics"


def read_metrics_path(path: str) -> str | None:
    """Reads the path of the metrics page from a file with a MonitoringConfig. Returns None if the page is not enabled.

    Raises the errors of `read_config_file`.
    """
    prometheus = read_config_file(path, protos.MonitoringConfig).prometheus_config
    return (prometheus.path or DEFAULT_PATH) if prometheus.enable else None

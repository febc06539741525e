from __future__ import annotations

from pathlib import Path

import pytest

from lightship.errors import InvalidArgument
from lightship.server import ServerOptions
from lightship.server.config.monitoring import read_metrics_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", None),
        ("prometheus_config {}", None),
        ("prometheus_config { path: '/x' }", None),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ("prometheus_config: { enable: true, path: '/x' }", "/x"),
    ],
)
def test_the_page_is_where_the_file_says_if_it_is_enabled(tmp_path: Path, text: str, path: str | None) -> None:
    file = tmp_path / "monitoring.config"
    file.write_text(text)
    assert read_metrics_path(str(file)) == path


@pytest.mark.parametrize("path", ["/v1/metrics", "/V1/models/m", "/v1"])
def test_the_page_is_not_put_before_the_api(path: str) -> None:
    with pytest.raises(InvalidArgument, match="belongs to the API"):
        ServerOptions(models=[], metrics_path=path)

"""A server in an interpreter and in a notebook."""

from __future__ import annotations

from pathlib import Path

from lightship.server import ModelConfig, Server, ServerOptions, serve


def test_a_server_shows_where_it_answers_and_its_models(half_plus_two: Path, tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    models = (f"m={half_plus_two}", tmp_path / "later")
    with serve(*models, wait=False, rest_port="auto", grpc_port="auto") as server:
        assert server.manager.wait(lambda manager: "m" not in manager.not_ready(), 60)
        assert repr(server).startswith(
            f"<Server {server.rest_url} grpc://{server.grpc_address}: m (version 123), later (not ready: "
        )
        html = server._repr_html_()
        assert f'<a href="{server.rest_url}/docs"' in html
        assert "version 123" in html
        assert "later" in html
    assert repr(server) == "<Server stopped: m, later>"
    assert "stopped" in server._repr_html_()


def test_a_server_that_was_not_started_says_so(tmp_path: Path) -> None:
    server = Server(ServerOptions([ModelConfig("<b>m</b>", tmp_path)], rest_port="auto"))
    assert repr(server) == "<Server not started: <b>m</b>>"
    assert "<b>" not in server._repr_html_()
    assert "&lt;b&gt;m&lt;/b&gt;" in server._repr_html_()

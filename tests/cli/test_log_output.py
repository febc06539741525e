"""What modules log while a command runs is printed as the command's own warnings are."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Run

from lightship.cli.log_output import print_log
from lightship.errors import InvalidArgument

HALF_PLUS_TWO = Path(__file__).parents[1] / "models" / "half_plus_two"


@pytest.fixture(autouse=True)
def same_log_afterwards() -> Iterator[None]:
    logger = logging.getLogger("lightship")
    handlers, propagate = logger.handlers, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate


def test_a_logged_warning_cannot_write_escape_sequences_to_the_terminal(lightship: Run, tmp_path: Path) -> None:
    cache = tmp_path / "a\x1b[2J"
    cache.mkdir()
    cache.chmod(0o777)
    done = lightship("inspect", HALF_PLUS_TWO, env={"LIGHTSHIP_CACHE_DIR": str(cache)})
    assert done.returncode == 0
    assert done.stderr.startswith(f"warning: {tmp_path}/a\\x1b[2J is not used as a cache")


def test_a_warning_is_printed_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever handlers libraries have given to the root logger, as absl does in an export."""
    print_log()
    monkeypatch.setattr(logging.root, "handlers", [logging.StreamHandler()])
    logger = logging.getLogger("lightship.engines")
    for photo in ("a.jpg", "a.jpg", "b\nerror: forged.jpg"):
        logger.warning("%s is left out", photo)
        logger.info("measured")
    assert capsys.readouterr().err == "warning: a.jpg is left out\nwarning: b\\nerror: forged.jpg is left out\n"


def test_the_error_that_is_logged_with_a_warning_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    print_log()
    logger = logging.getLogger("lightship.evaluation")
    try:
        raise InvalidArgument("it has no pixels")
    except InvalidArgument:
        logger.warning("no heat map of a.jpg", exc_info=True)
    assert capsys.readouterr().err == "warning: no heat map of a.jpg: it has no pixels\n"


def test_a_closed_pipe_does_not_end_what_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    print_log()
    monkeypatch.setattr("sys.stderr", Closed())
    logging.getLogger("lightship.engines").warning("a.jpg is left out")

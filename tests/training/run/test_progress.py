"""How a training is shown: lines in a file, a bar on a terminal, and only notes if that is asked for."""

from __future__ import annotations

import io
import re
import sys

import pytest

from lightship.training.run.progress import TrainingLines, TrainingProgress, TrainingTerminal, training_progress


class Stream(io.StringIO):
    """Keeps what was written when it is closed."""

    def close(self) -> None:
        pass


def test_a_step_is_one_line_with_its_outcome_and_its_seconds() -> None:
    stream = Stream()
    progress = TrainingLines(stream)
    progress.step("new head, epoch 1 of 3")
    progress.batch(1, 2, "loss 1.0")
    progress.outcome("loss 0.5")
    progress.step("new head, epoch 2 of 3")
    progress("a note")
    progress.done("wrote models/cars/1")
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("new head, epoch 1 of 3: loss 0.5 (")
    assert lines[1].startswith("new head, epoch 2 of 3 (")
    assert lines[2] == "a note"
    assert lines[3].startswith("wrote models/cars/1 (")
    assert "loss 1.0" not in stream.getvalue()


def test_a_step_that_fails_says_so() -> None:
    stream = Stream()
    progress = TrainingLines(stream)
    progress.step("new head, epoch 1 of 3")
    progress.close()
    assert "failed after" in stream.getvalue()


def test_on_a_terminal_the_batches_are_a_bar_and_finished_steps_are_lines() -> None:
    from rich.console import Console

    stream = Stream()
    progress = TrainingTerminal(stream)
    progress.step("new head, epoch 1 of 3")
    progress.batch(30, 70, "loss 0.9012, accuracy 51.2%")
    for width in (78, 200):
        shown = Console(file=io.StringIO(), width=width, record=True)
        shown.print(progress)
        text = shown.export_text()
        assert re.search(r"new head, epoch 1 of 3 \(\d+\.\d s\)", text)
        assert "━" in text
        assert "30/70 loss 0.9012, accuracy 51.2%" in text
        assert len(text.splitlines()) == 1
    progress.outcome("loss 0.5")
    progress.step("evaluating")
    progress.close()
    assert "new head, epoch 1 of 3: loss 0.5" in stream.getvalue()


def test_control_characters_in_names_are_escaped() -> None:
    stream = Stream()
    progress = TrainingLines(stream)
    progress.step("reading \x1b[2J")
    progress.outcome("\x1b[2J")
    assert "\x1b" not in stream.getvalue()


def test_notes_are_shown_even_without_progress(capsys: pytest.CaptureFixture[str]) -> None:
    progress = training_progress(False)
    assert type(progress) is TrainingProgress
    progress.step("hidden")
    progress("skipped 1 photo")
    assert capsys.readouterr().err == "skipped 1 photo\n"


def test_without_standard_error_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    progress = training_progress(True)
    progress.step("a step")
    progress("a note")
    progress.close()

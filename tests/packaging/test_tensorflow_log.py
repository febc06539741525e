"""TensorFlow's C++ log is left out of standard error, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from lightship.packaging.tensorflow_log import LogFilter, without_tensorflow_log

# As TensorFlow 2.16 and 2.21 print them.
LOG = [
    b"2026-01-02 03:04:05.678901: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.\n",
    b"2026-01-02 03:04:05.678901: I external/local_xla/xla/tsl/cuda/cudart_stub.cc:32] Could not find cuda drivers.\n",
    b"2026-01-02 03:04:05.678901: E external/local_xla/xla/stream_executor/cuda/cuda_fft.cc:467] Unable to register\n",
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n",
    b"I0000 00:00:1795822650.968075   29786 port.cc:153] oneDNN custom operations are on. You may see\n",
    b"W0000 00:00:1795822650.968075   29786 gpu_device.cc:2433] TensorFlow was not built with\n",
    b"To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow\n",
]
OTHERS = [
    b"\n",
    b"warning: no image spec\n",
    b"2026-01-02 03:04:05,678 INFO my.module: step 1\n",
    b"Traceback (most recent call last):\n",
    b"W: the user's own words\n",
    b"F0000 00:00:1795822650.968075   29786 tensor.cc:1] Check failed: dtype() == expected\n",
    b"2026-01-02 03:04:05.678901: F tensorflow/core/framework/tensor.cc:844] Check failed: 1 == 2\n",
    b"\r 10%|#         |\r 20%|##        |\n",
]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_log_lines_are_left_out_however_the_bytes_come(size: int) -> None:
    data = b"".join(line for pair in zip(OTHERS, [*LOG, b"the end\n"], strict=True) for line in pair)
    lines = LogFilter()
    shown = b"".join(lines.feed(data[start : start + size]) for start in range(0, len(data), size))
    assert shown + lines.rest() == b"".join(OTHERS) + b"the end\n"


def test_an_incomplete_line_is_shown_at_once_unless_it_may_become_a_log_line() -> None:
    lines = LogFilter()
    assert lines.feed(b"password: ") == b"password: "
    assert lines.feed(b"I0000 00:00:1.2 3 a.cc:1] typed\n") == b"I0000 00:00:1.2 3 a.cc:1] typed\n"
    assert lines.feed(b"Waiting") == b""
    assert lines.feed(b" for it\n") == b"Waiting for it\n"
    assert lines.feed(b"It ends") == b""
    assert lines.rest() == b"It ends"


def test_standard_error_is_as_before_when_the_block_has_ended(capfd: pytest.CaptureFixture[str]) -> None:
    before = os.fstat(2).st_ino
    with without_tensorflow_log():
        os.write(2, LOG[0] + b"one\n" + LOG[1])
    assert os.fstat(2).st_ino == before
    os.write(2, LOG[0])
    assert capfd.readouterr().err == "one\n" + LOG[0].decode()


def test_an_error_in_the_block_is_raised_and_what_was_written_before_is_shown(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        with without_tensorflow_log():
            os.write(2, b"incomplete")
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        fail()
    assert capfd.readouterr().err == "incomplete"


def test_more_than_a_pipe_holds_comes_through_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    lines = [f"line {number}\n" for number in range(200_000)]
    with without_tensorflow_log():
        for start in range(0, len(lines), 1000):
            os.write(2, LOG[4] + "".join(lines[start : start + 1000]).encode())
    assert capfd.readouterr().err == "".join(lines)


def test_a_process_started_meanwhile_can_go_on_writing(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import sys; sys.stdin.read(); print('late', file=sys.stderr)"
    with without_tensorflow_log():
        process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    process.communicate()
    assert process.returncode == 0
    for thread in threading.enumerate():
        if thread.name == "lightship-stderr":
            thread.join(30)
    assert capfd.readouterr().err == "late\n"


def test_a_function_can_get_what_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    shown: list[bytes] = []
    with without_tensorflow_log(shown.append):
        os.write(2, b"one\n" + LOG[0])
    assert (b"".join(shown), capfd.readouterr().err) == (b"one\n", "")


@pytest.mark.parametrize("name", ["LIGHTSHIP_DEBUG", "TF_CPP_MAX_VLOG_LEVEL", "TF_CPP_VMODULE"])
def test_who_asks_for_the_log_gets_it(
    name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    with without_tensorflow_log():
        os.write(2, LOG[0])
    assert capfd.readouterr().err == LOG[0].decode()


def test_the_log_level_of_the_environment_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    with without_tensorflow_log():
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ


def test_without_standard_error_the_block_runs_all_the_same() -> None:
    code = (
        "import os; os.close(2)\n"
        "from lightship.packaging.tensorflow_log import without_tensorflow_log\n"
        "with without_tensorflow_log(): print('ran')"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "ran\n"

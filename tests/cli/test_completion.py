"""Completion of command lines, in a real shell where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.cli.conftest import BIN, Run, clean_environment

# Does what readline does for a line and its last word, and prints what it would offer.
BASH = r"""
eval "$(lightship --show-completion bash)"
complete -p lightship
COMP_LINE="$1"
read -ra COMP_WORDS <<< "$COMP_LINE"
[[ "$COMP_LINE" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_POINT=${#COMP_LINE}
_lightship_completion lightship "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def environment(**changes: str) -> dict[str, str]:
    return clean_environment(PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}", **changes)


def offered(line: str) -> list[str]:
    """Returns what bash offers for the last word of a line."""
    words = ["bash", "--norc", "-c", BASH, "bash", line]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=environment(), check=True)
    assert done.stderr == ""
    declared, *completions = done.stdout.splitlines()
    assert declared == "complete -o default -F _lightship_completion lightship"
    return [one for one in completions if one]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "lightship ",
            {
                "compare",
                "bench",
                "config",
                "docker",
                "explain",
                "export",
                "inspect",
                "predict",
                "reload",
                "serve",
                "sift",
                "sign",
                "status",
                "train",
                "verify",
            },
        ),
        ("lightship s", {"serve", "sift", "sign", "status"}),
        ("lightship --v", {"--version"}),
        ("lightship docker st", {"start", "stop", "status"}),
        ("lightship serve --engine ", {"auto", "openvino", "tensorflow"}),
        ("lightship serve models/dog --log-format j", {"json"}),
        ("lightship docker start --restart on", {"on-failure"}),
        ("lightship explain models/dog dog.jpg --method gr", {"grad-cam", "grad-cam++"}),
        ("lightship explain models/dog dog.jpg --colormap ci", {"cividis"}),
    ],
)
def test_bash_completes_commands_options_and_choices(line: str, expected: set[str]) -> None:
    assert set(offered(line)) == expected


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("lightship serve --", {"--rest-port", "--engine", "--no-join"}),
        ("lightship status http://x --", {"--timeout", "--json"}),
        ("lightship export m.keras models/m --pre", {"--preprocess"}),
    ],
)
def test_options_of_commands_are_completed(line: str, some: set[str]) -> None:
    assert some <= set(offered(line))


@pytest.mark.parametrize(
    "line",
    [
        "lightship serve mod",
        "lightship status mod",
        "lightship predict mod",
        "lightship predict models/dog pho",
        "lightship export m",
        "lightship export m.keras mod",
        "lightship export m.keras models/m --classes cl",
        "lightship inspect mod",
        "lightship docker build mod",
        "lightship serve models/dog --cache-dir ca",
    ],
)
def test_paths_are_left_to_the_shell(line: str) -> None:
    """Without an offer, `complete -o default` completes files and folders."""
    assert offered(line) == []


def test_installed_for_bash_it_works_in_the_next_shell(lightship: Run, tmp_path: Path) -> None:
    env = environment(HOME=str(tmp_path))
    for _ in range(2):
        done = lightship("--install-completion", "bash", env={"HOME": str(tmp_path)})
        assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / ".bashrc").read_text().count("lightship.sh") == 1
    command = ["bash", "-ic", "complete -p lightship"]
    shell = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, stdin=subprocess.DEVNULL)
    assert shell.stdout == "complete -o default -F _lightship_completion lightship\n"


@pytest.mark.parametrize(
    ("shell", "parts"),
    [("bash", ["complete -o default"]), ("zsh", ["#compdef lightship", "compdef"]), ("fish", ["complete --command"])],
)
def test_the_script_of_each_shell_can_be_printed(lightship: Run, shell: str, parts: list[str]) -> None:
    done = lightship("--show-completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(part in done.stdout for part in parts)


@pytest.mark.parametrize(
    ("shell", "file"), [("zsh", ".zfunc/_lightship"), ("fish", ".config/fish/completions/lightship.fish")]
)
def test_the_script_is_put_where_the_shell_looks(lightship: Run, tmp_path: Path, shell: str, file: str) -> None:
    done = lightship("--install-completion", shell, env={"HOME": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert file in done.stdout
    assert (tmp_path / file).read_text().strip() == lightship("--show-completion", shell).stdout.strip()


@pytest.mark.parametrize(
    ("shell", "asked", "offer"),
    [
        ("zsh", {"_TYPER_COMPLETE_ARGS": "lightship serve --eng"}, '_arguments \'*: :(("--engine"'),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "lightship serve mod"}, "_files"),
        ("fish", {"_TYPER_COMPLETE_ARGS": "lightship sta", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}, "status\t"),
    ],
)
def test_zsh_and_fish_are_answered(lightship: Run, shell: str, asked: dict[str, str], offer: str) -> None:
    """What their scripts ask, with the variables that they set."""
    done = lightship(env={"_LIGHTSHIP_COMPLETE": f"complete_{shell}", **asked})
    assert done.stdout.startswith(offer)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_scripts_are_valid(lightship: Run, tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(lightship("--show-completion", shell).stdout)
    subprocess.run([shell, "-n", tmp_path / "script"], check=True)


def test_a_shell_that_is_not_known_is_named(lightship: Run) -> None:
    done = lightship("--install-completion", "tcsh")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: --install-completion: 'tcsh' is not a shell that it works for: give one of")

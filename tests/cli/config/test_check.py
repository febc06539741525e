"""`lightship config check`, as it is installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Run

from lightship.cli.config.faults import WrongConfig
from lightship.cli.config.model_files import check_model_file
from lightship.lifecycle.model_config import Latest, Specific

WRONG = """# models
model_config_list {
  config { name: "dog" base_pth: "/nowhere" model_platform: "tensorflow" versoin_labels { key: "a" value: 3 } }
  config: { name: 'dog', base_path: 'relative'; model_platfrm: "tensorflow" }
  config <
    name: "cat"
    base_path: "FOLDER"
    model_version_policy { specific { versions: 3 versions: 4 } }
    model_platform: "tensorflow"
    version_labels { key: "s" value: 3 }
    version_labels { key: "t" value: 5 }
  >
  config: [ { name: "x" base_path: "FOLDER" }, { name: "y" base_path: "FOLDER" model_platform: "torch" } ]
}
"""


def faults(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(WrongConfig) as caught:
        check_model_file(path)
    return [line.removeprefix(f"{path}:") for line in caught.value.lines]


def test_all_faults_of_a_file_of_models_are_told_with_their_places(tmp_path: Path) -> None:
    told = faults(tmp_path / "models.config", WRONG.replace("FOLDER", str(tmp_path)))
    expected = [
        "3:24: /nowhere does not exist; give the folder",
        '3:24: ModelConfig has no field "base_pth": did you mean base_path?',
        '3:74: ModelConfig has no field "versoin_labels": did you mean version_labels?',
        "4:13: model dog is in the list twice: give it another name",
        "4:26: Expected model dog to have an absolute path or URI; got base_path()=relative",
        '4:49: ModelConfig has no field "model_platfrm": did you mean model_platform?',
        "11:5: label t is for version 5, which the model_version_policy does not serve",
        "13:3: Illegal setting neither ModelServerConfig::model_type",
        "13:",
    ]
    assert [one[: len(start)] for one, start in zip(told, expected, strict=True)] == expected
    assert told[-1].endswith("Model y requests unsupported platform torch")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1:1: the file names no model: give model_config_list"),
        (
            "model_config_lst { }",
            '1:1: ModelServerConfig has no field "model_config_lst": did you mean model_config_li',
        ),
        ("model_config_list {", "1:19: expected"),
        ('model_config_list { config { name: 3 base_path: "/tmp" } }', "1:36: expected string but found: '3'"),
        ("model_config_list { config { zzz: 3 } }", '1:30: ModelConfig has no field "zzz": it has name, base_path'),
        ("custom_model_config { }", "1:1: custom_model_config is not supported"),
        (
            'model_config_list { config { base_path: "/tmp" model_platform: "tensorflow" } }',
            "1:21: a model has no name",
        ),
        (
            'model_config_list { config { name: ".." base_path: "/tmp" model_platform: "tensorflow" } }',
            '1:30: ".." cannot be the name of a model: clients remove it from URLs',
        ),
        (
            'model_config_list { config { name: "a" base_path: "/tmp" model_platform: "tensorflow"\n'
            "model_version_policy { specific { } } } }",
            "2:1: specific { } has no versions",
        ),
    ],
)
def test_a_fault_of_a_file_of_models_is_told(tmp_path: Path, text: str, fault: str) -> None:
    assert faults(tmp_path / "models.config", text)[0].startswith(fault)


def test_a_right_file_of_models_has_its_models(tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    path.write_text(
        f'model_config_list {{ config {{ name: "a" base_path: "{tmp_path}" model_platform: "tensorflow"\n'
        'model_version_policy { specific { versions: 3 } } version_labels { key: "stable" value: 3 } }\n'
        f'config {{ name: "b" base_path: "file://{tmp_path}" model_platform: "tensorflow" }} }}'
    )
    first, second = check_model_file(path)
    assert (first.policy, dict(first.labels), second.policy) == (Specific((3,)), {"stable": 3}, Latest())
    assert first.path == second.path == tmp_path


def test_the_command_prints_each_fault_and_exits_with_1(lightship: Run, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("strict = 1\nrest_prot = 2\n")
    done = lightship("config", "check", "a.toml")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "error: a.toml:1:10: strict: 1 is neither true nor false: give one of them, without quotes",
        'error: a.toml:2:1: unknown option "rest_prot": did you mean rest_port?',
    ]
    told = json.loads(lightship("config", "check", "a.toml", "--json").stdout)
    assert (told["ok"], told["faults"][1]["line"], told["faults"][1]["meant"]) == (False, 2, "rest_port")


def test_the_command_tells_what_a_right_file_says(lightship: Run, tmp_path: Path) -> None:
    (tmp_path / "dog" / "1").mkdir(parents=True)
    (tmp_path / "server.conf").write_text("# comment\ntimeout = 3\n[models.dog]\npath = 'dog'\nlabels.stable = 1\n")
    done = lightship("config", "check", "server.conf")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "server.conf: no fault"
    told = json.loads(lightship("config", "check", "server.conf", "--json").stdout)
    assert told["models"] == [
        {"name": "dog", "path": str(tmp_path / "dog"), "versions": "latest 1", "labels": {"stable": 1}}
    ]
    assert told["warnings"] == []
    assert (told["ok"], told["format"], told["options"]) == (True, "toml", {"timeout": 3.0})
    missing = lightship("config", "check", "no.toml")
    assert (missing.returncode, missing.stderr) == (1, "error: no.toml does not exist: give the path of a file\n")


def test_versions_that_are_not_there_and_labels_of_others_are_warnings(lightship: Run, tmp_path: Path) -> None:
    for number in "12":
        (tmp_path / "dog" / number).mkdir(parents=True)
    (tmp_path / "a.toml").write_text(
        '[models.a]\npath = "dog"\nversions = [1, 5]\nlabels = { stable = 1, next = 5 }\n'
        '[models.b]\npath = "dog"\nlabels = { stable = 1, newest = 2, next = 7, old = 0 }\n'
        '[models.c]\npath = "s3://bucket/dog"\nversions = [8]\n'
    )
    done = lightship("config", "check", "a.toml")
    dog = tmp_path / "dog"
    assert done.returncode == 0
    assert done.stdout.startswith("a.toml: no fault")
    assert done.stderr.splitlines() == [
        f"warning: a.toml:3:12: models.a.versions: version 5 is not in {dog} (it has 1, 2): add it, and it will "
        "be served",
        "warning: a.toml:7:21: models.b.labels: label stable is for version 1, but only the newest version 2 is "
        "served: give versions = [1, 2], or another version for the label",
        f"warning: a.toml:7:43: models.b.labels: label next is for version 7, which is not in {dog} (it has 1, 2): add "
        "it, and it will be served",
        f"warning: a.toml:7:52: models.b.labels: label old is for version 0, which is not in {dog} (it has 1, 2): give "
        "another version for the label",
    ]
    told = json.loads(lightship("config", "check", "a.toml", "--json").stdout)
    assert told["ok"]
    assert [one["column"] for one in told["warnings"]] == [12, 21, 43, 52]


def test_a_folder_without_versions_is_a_warning(lightship: Run, tmp_path: Path) -> None:
    (tmp_path / "dog" / "1").mkdir(parents=True)
    (tmp_path / "dog" / "1" / "saved_model.pb").touch()
    (tmp_path / "new").mkdir()
    (tmp_path / "a.toml").write_text('[models.dog]\npath = "dog/1"\n[models.new]\npath = "new"\n')
    done = lightship("config", "check", "a.toml")
    assert done.returncode == 0
    version, empty = done.stderr.splitlines()
    assert version.startswith(f"warning: a.toml:2:8: models.dog.path: {tmp_path / 'dog' / '1'} is a version, not a mod")
    assert empty.startswith(f"warning: a.toml:4:8: models.new.path: {tmp_path / 'new'} is empty: add a version with")


def test_a_path_that_is_too_long_is_a_fault_with_its_place(lightship: Run, tmp_path: Path) -> None:
    (tmp_path / "dog" / "1").mkdir(parents=True)
    long = "x" * 300
    for key in ("quiz", "verify_models", "allow_reload"):
        (tmp_path / "a.toml").write_text(f'{key} = "{long}"\n[models.dog]\npath = "dog"\n')
        done = lightship("config", "check", "a.toml")
        assert done.returncode == 1
        assert done.stderr.startswith("error: a.toml:1:")
        assert "is not a fi" in done.stderr or "is not a folder" in done.stderr


def test_a_label_of_a_version_that_the_list_lacks_is_a_fault(lightship: Run, tmp_path: Path) -> None:
    (tmp_path / "dog" / "1").mkdir(parents=True)
    (tmp_path / "a.toml").write_text('[models.a]\npath = "dog"\nversions = [1]\nlabels = { canary = 2 }\n')
    done = lightship("config", "check", "a.toml")
    assert done.returncode == 1
    assert "label canary is for version 2, which is not in versions = [1]" in done.stderr

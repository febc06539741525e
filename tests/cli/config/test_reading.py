"""What a configuration file says, and everything that is wrong in one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal, get_origin

import pytest

from lightship.cli.config.combining import check_options, combined
from lightship.cli.config.faults import WrongConfig
from lightship.cli.config.reading import option_parameters, read_serve_config
from lightship.cli.options import Parameter, WrongArguments
from lightship.errors import InvalidArgument, LightshipError, NotFound, TooLarge
from lightship.lifecycle.model_config import All, Latest, Specific

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def no_options_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("LIGHTSHIP_"):
            monkeypatch.delenv(name)


@pytest.fixture
def dog(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "dog"
    folder.mkdir(parents=True)
    return folder


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "lightship.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def faults(folder: Path, text: str | bytes) -> list[str]:
    """What is wrong, as line:column: message."""
    path = written(folder, text)
    with pytest.raises(WrongConfig) as caught:
        check_options(read_serve_config(path))
    return [line.removeprefix(f"{path}:") for line in caught.value.lines]


def test_models_have_their_policies_and_labels(tmp_path: Path, dog: Path) -> None:
    config = read_serve_config(
        written(
            tmp_path,
            """
            [models]
            a = { path = "models/dog" }
            b.path = "models/dog"
            b.latest = 3
            [models.c]
            path = "models/dog"
            versions = [7, 3, 7]
            labels = { stable = 3, canary = 7 }
            [models.d]
            path = "models/dog"
            all = true
            """,
        )
    )
    assert [model.name for model in config.models] == ["a", "b", "c", "d"]
    assert {model.path for model in config.models} == {dog}  # relative paths begin in the folder of the file
    assert [model.policy for model in config.models] == [Latest(), Latest(3), Specific((7, 3)), All()]
    assert dict(config.models[2].labels) == {"stable": 3, "canary": 7}


def value_of(one: Parameter, folder: Path) -> Any:
    """A value of TOML that fits an option."""
    metavar = one.declared.settings.get("metavar", "")
    if one.is_list:
        return '["x"]'
    if one.is_flag or metavar == "[ROOT]":
        return "true"
    if one.type in (int, float):
        return "7"
    if get_origin(one.type) is Literal:
        return f'"{one.type.__args__[-1]}"'
    if metavar in ("PORT|auto|0", "N|auto", "SIZE"):
        return "1234"
    return {"ENGINE": '"tensorflow"', "cpu|gpu|gpu:0,1": '"gpu:0,1"'}.get(metavar, '"some text"')


@pytest.mark.parametrize("name", option_parameters())
def test_every_option_of_serve_can_be_in_the_file(tmp_path: Path, name: str) -> None:
    one = option_parameters()[name]
    config = read_serve_config(written(tmp_path, f"{name} = {value_of(one, tmp_path)}"))
    assert config.options.keys() == {name}
    value = config.options[name]
    if one.type is Path:
        assert value == tmp_path / "some text"
    elif one.type in (int, float):
        assert value == 7
        assert type(value) is one.type


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("rest_prot = 1", '1:1: unknown option "rest_prot": did you mean rest_port?'),
        ("rest-port = 1", '1:1: unknown option "rest-port": did you mean rest_port?'),
        ('rest_port = "85a"', "1:13: rest_port: '85a' is not a port number: give 1 to 65535"),
        ("rest_port = 70000", "1:13: rest_port: '70000' is not a port number"),
        ("rest_port = true", '1:13: rest_port: true is not a text: give one in quotes, such as "text"'),
        ('timeout = "30"', '1:11: timeout: "30" is not a number: give one, without quotes'),
        ("timeout = nan", "1:11: timeout: nan is out of range"),
        ("timeout = -1", "1:11: timeout: -1 is too small: give 0.001 or more"),
        ("threads = 1.5", "1:11: threads: 1.5 is not a whole number: give one"),
        ("threads = true", "1:11: threads: true is not a whole number"),
        ("threads = 99999999999999999999", "1:11: threads: 99999999999999999999 is out of range"),
        ('engine = "tensorflo"', '1:10: engine: there is no engine "tensorflo"; there are auto, openvino, tensorflow'),
        ('device = "tpu"', "1:10: device: the device is 'tpu'; give cpu, gpu for all GPUs"),
        ('precision = "f23"', '1:13: precision: "f23" is not one of the values: did you mean "f32"?'),
        ("strict = 1", "1:10: strict: 1 is neither true nor false: give one of them, without quotes"),
        ('allowed_hosts = "a"', '1:17: allowed_hosts: "a" is not a list: give a list of texts: ["a"]'),
        ('host = ""', '1:8: host: "" is empty'),
        ('cache_dir = "a\\u0000b"', "1:13: cache_dir: 'a\\x00b' has a zero byte"),
        ("cache_dir = 2024-01-01", "1:13: cache_dir: 2024-01-01 is not a text"),
        ('memory_budget = "lots"', "1:17: memory_budget: 'lots' is not a size"),
        ('allow_reload = "nowhere"', "1:16: allow_reload: '"),
        ("[limits]\nmax_head_bytes = 3", "1:1: there is no table [limits]: write its options, such as max_head_bytes"),
        ('models = ["models/dog"]', "1:1: models is not a table: write [models.NAME], and below it path = "),
        ('[models]\ndog = "models/dog"', "2:1: model dog is not a table: write [models.dog], and below it path = "),
        ('config = "x"', '1:1: unknown option "config"'),
        ('[models."a/b"]\npath = "models/dog"', '1:1: "a/b" cannot be the name of a model'),
        (
            '[models."."]\npath = "models/dog"',
            '1:1: "." cannot be the name of a model: it is empty, . or .., or has one',
        ),
        ('[models.".."]\npath = "models/dog"', '1:1: ".." cannot be the name of a model'),
        ("[models.dog]", '1:1: model dog has no path: give path = "models/dog"'),
        ('[models.dog]\npath = "models/dgo"', "2:8: models.dog.path: "),
        ('[models.dog]\npath = ["a"]', '2:8: models.dog.path: ["a"] is not a text'),
        ("tls_key = 'key.pem'", "1:1: TLS needs both tls_cert and tls_key: give both"),
        ("access_log_file = 'a.log'", "1:1: access_log_file"),
        ("quiz = 'nowhere'", "1:1: "),
        ("host = localhost", "1:8: not valid TOML: invalid value: a text is written in quotes"),
        ("host = 'a", "1:10: not valid TOML"),
        ("a = 1\na = 2", "2:6: not valid TOML: cannot overwrite a value"),
        (b"host = '\xff'", "1:9: a byte is not UTF-8: save the file as UTF-8"),
        (f"threads = {'[' * 100_000}", "1:1: lists or tables are nested too deeply"),
        (f"threads = {'9' * 5000}", "1:1: "),
    ],
    ids=lambda text: str(text)[:40],
)
def test_a_fault_is_told_with_its_place_and_what_was_meant(
    tmp_path: Path, dog: Path, line: str | bytes, fault: str
) -> None:
    (found,) = faults(tmp_path, line)
    assert found.startswith(fault)


MODEL = '[models.dog]\npath = "models/dog"\n'


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("versons = [1]", '3:1: model dog has no setting "versons": did you mean versions?'),
        ("timeout = 1", "3:1: timeout is an option of the server, not of model dog: write it above the first [table]"),
        ('versions = "all"', '3:12: models.dog.versions: "all" names no versions: give all = true'),
        ("versions = []", "3:12: models.dog.versions: [] names no versions: give a list of version numbers"),
        ('versions = [1, "2"]', '3:16: models.dog.versions: "2" is not a whole number'),
        ("latest = 0", "3:10: models.dog.latest: 0 is too small: give 1 or more"),
        ("all = false", "3:7: models.dog.all: false is not true"),
        ("latest = 1\nall = true", "4:1: model dog has both latest and all: give one of versions, latest, all"),
        ('labels = "stable"', '3:10: models.dog.labels: "stable" is not a table: give labels such as { stable = 1 }'),
        ('labels = { stable = "1" }', '3:21: models.dog.labels.stable: "1" is not a whole number'),
        ("versions = [1]\nlabels.stable = 2", "4:17: models.dog.labels.stable: label stable is for version 2, which"),
    ],
)
def test_a_fault_of_a_model_is_told(tmp_path: Path, dog: Path, lines: str, fault: str) -> None:
    (found,) = faults(tmp_path, MODEL + lines)
    assert found.startswith(fault)


def test_a_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, f'[models.dog]\npath = "{"x" * 5000}"\n')
    assert found.startswith(f"2:8: models.dog.path: {tmp_path}/xxx")
    assert found.endswith("... cannot be the folder of the model dog: File name too long")


@pytest.mark.parametrize("form", ["models/dog", "{folder}/models/dog", "file://{folder}/models/dog"])
def test_the_folder_of_a_model_that_is_served_already_may_be_missing(tmp_path: Path, form: str) -> None:
    path = tmp_path / "lightship.toml"
    path.write_text(f'[models.dog]\npath = "{form.format(folder=tmp_path)}"\n')
    with pytest.raises(WrongConfig, match="does not exist"):
        read_serve_config(path)
    (model,) = read_serve_config(path, {"dog": tmp_path / "models" / "dog"}).models
    assert model.path == tmp_path / "models" / "dog"


def test_all_faults_are_told_at_once_in_their_order(tmp_path: Path, dog: Path) -> None:
    text = "strict = 1\nrest_prot = 2\n[models.dog]\npath = 3\nversons = 4\n[models.cat]\n"
    assert [fault.split(" ")[0] for fault in faults(tmp_path, text)] == ["1:10:", "2:1:", "4:8:", "5:1:", "6:1:"]


def test_windows_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    assert faults(tmp_path, b"\xef\xbb\xbf# a\r\ntext = '''\r\n'''\r\nstrict = 1\r\n")[-1].startswith("4:10: strict")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        read_serve_config(tmp_path / "no.toml")
    with pytest.raises(InvalidArgument, match="is a folder"):
        read_serve_config(tmp_path)
    with pytest.raises(TooLarge, match="1 MiB"):
        read_serve_config(written(tmp_path, "#" * (1 << 20) + "\n"))


def test_the_command_line_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path, dog: Path) -> None:
    config = read_serve_config(written(tmp_path, f"timeout = 5\nworkers = 1\nrest_port = 'auto'\n{MODEL}"))
    options = combined({"timeout": 7.0}, config).options
    assert (options.timeout_seconds, options.rest_port, options.drain_seconds) == (7.0, "auto", 30.0)
    assert [model.name for model in options.models] == ["dog"]
    other = tmp_path / "other"
    other.mkdir()
    assert [model.name for model in combined({"models": [str(other)]}, config).options.models] == ["other"]


def test_without_any_model_nothing_is_served(tmp_path: Path) -> None:
    config = read_serve_config(written(tmp_path, "timeout = 5"))
    with pytest.raises(LightshipError, match="lightship.toml names no model: add"):
        combined({}, config)
    with pytest.raises(WrongArguments, match="Missing argument MODEL"):
        combined({}, None)


def test_the_example_of_the_documentation_is_right(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    (example,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for folder in re.findall(r'^path = "(.*)"$', example, re.MULTILINE):
        (tmp_path / folder).mkdir(parents=True)
    config = read_serve_config(written(tmp_path, example))
    check_options(config)
    options = combined({}, config).options
    assert [model.policy for model in options.models] == [Latest(), Specific((3, 7)), Latest(2)]
    assert config.options.keys() >= {"rest_port", "max_request_bytes", "enable_batching", "log_format", "access_log"}

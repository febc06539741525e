"""The text format as people write it, and where an error is said to be."""

from __future__ import annotations

import pytest

from lightship import protos
from lightship.errors import InvalidArgument
from lightship.protos.text import check_text, parse_text

MODELS = """
# two models
model_config_list: {
  config: { name: 'a', base_path: "/a"; model_platform: 'tensor' 'flow' };
  config < name: "b" model_version_policy: { specific: { versions: [1, 2], } } >
}
"""


def test_separators_colons_quotes_comments_and_angles_are_taken() -> None:
    a, b = parse_text(MODELS, protos.ModelServerConfig).model_config_list.config
    assert (a.name, a.base_path, a.model_platform) == ("a", "/a", "tensorflow")
    assert list(b.model_version_policy.specific.versions) == [1, 2]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("nonsense", "1:1: "),
        ("\n  x: 1", '2:3: Message type "tensorflow.serving.ModelServerConfig" has no field named "x".'),
        ("model_config_list {\n", "1:19: "),
        ("model_config_list {\n config { name: 3 } }", "2:17: Expected string but found: '3'"),
        ("model_config_list { config { name: 'a' name: 'b' } }", "1:46: "),
        ("model_config_list { config { model_version_policy { latest {} all {} } } }", "1:63: "),
        ("}", "1:1: "),
        ("model_config_list { config { model_type: 9999999999 } }", "1:1: Value out of range: 9999999999"),
        (r"model_config_list { config { name: '\377' } }", "1:"),
        ("custom_model_config { [type.googleapis.com/not.There] { a: 1 } }", "1:"),
        ("\x00", "1:1: "),
    ],
)
def test_an_error_begins_with_its_place(text: str, place: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_text(text, protos.ModelServerConfig)
    assert caught.value.message.startswith(place)


def test_an_error_does_not_repeat_a_private_key() -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_text("server_key: 'very secret' client_verify: 7", protos.SSLConfig)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "intra_op_parallelism_threads: 2 gpu_options { allow_growth: true }",
        "platform_configs { key: 't' value { source_adapter_config { [type.googleapis.com/a.B] { c: [1] } } } }",
    ],
)
def test_of_an_unknown_message_the_syntax_is_checked(text: str) -> None:
    check_text(text, "tensorflow.NotKnownHere")


@pytest.mark.parametrize("text", ["a { b", "a: }", "a {" * 5000])
def test_wrong_syntax_is_found_without_knowing_the_message(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^\d+:\d+: "):
        check_text(text, "tensorflow.NotKnownHere")


def test_the_fields_of_a_known_message_are_checked() -> None:
    with pytest.raises(InvalidArgument, match="no field named"):
        check_text("x: 1", "tensorflow.serving.SSLConfig")

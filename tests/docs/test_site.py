"""The site is built without a warning, and its references are complete."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest
import typer
from tests.docs.blocks import ROOT
from tests.docs.conftest import Site

import lightship
import lightship.client
import lightship.docker
import lightship.errors
import lightship.server
from lightship import protos
from lightship.cli.app import app
from lightship.cli.model_server_flags import FLAGS
from lightship.errors import LightshipError
from lightship.transports.grpc import channel_arguments, methods

pytestmark = pytest.mark.slow


def test_it_is_built_without_a_warning(site: Site) -> None:
    assert re.findall(r"^.*(?:WARNING|ERROR|Warning).*$", site.printed, re.MULTILINE) == []


def test_what_stands_for_a_generated_section_in_the_repository_is_not_in_the_site(site: Site) -> None:
    text = "This part is written when the site is built"
    sources = [page for page in (ROOT / "docs").rglob("*.md") if "<!-- generated: " in page.read_text(encoding="utf-8")]
    assert len(sources) >= 5
    for source in sources:
        written = source.read_text(encoding="utf-8")
        assert written.count(f" -->\n> {text}") == written.count("\n<!-- generated: "), source
        assert text not in site.page(str(source.relative_to(ROOT / "docs").with_suffix(""))), source


def public_names() -> set[str]:
    modules = (lightship, lightship.client, lightship.docker, lightship.server)
    names = {f"{module.__name__}.{name}" for module in modules for name in module.__all__}
    of_lightship = set(lightship.__all__)
    return {name for name in names if name.count(".") == 1 or name.rpartition(".")[2] not in of_lightship}


@pytest.mark.tensorflow
def test_every_public_name_is_in_the_api_reference(site: Site) -> None:
    page = site.page("reference/python")
    missing = [name for name in public_names() if f'id="{name}"' not in page]
    modules = [name for name in missing if inspect.ismodule(getattr(lightship, name.rpartition(".")[2], None))]
    assert [name for name in missing if name not in modules] == []
    assert [name for name in modules if f'id="{name.replace(".", "")}"' not in page] == []


@pytest.mark.tensorflow
def test_every_public_method_and_field_is_in_the_api_reference(site: Site) -> None:
    page = site.page("reference/python")
    classes = {name: found for name in public_names() if inspect.isclass(found := named(name))}
    members = {f"{name}.{member}" for name, found in classes.items() for member in members_of(found)}
    assert len(members) > 100
    assert [name for name in sorted(members) if f'id="{name}"' not in page] == []


def named(path: str) -> Any:
    found: Any = lightship
    for part in path.split(".")[1:]:
        found = getattr(found, part)
    return found


def members_of(found: type) -> set[str]:
    fields = getattr(found, "__dataclass_fields__", {}) or getattr(found, "_fields", ())
    methods = [name for name, value in vars(found).items() if inspect.isfunction(value) or isinstance(value, property)]
    return {name for name in [*fields, *methods] if not name.startswith("_")}


def test_every_field_of_the_options_has_a_text(site: Site) -> None:
    page = site.page("reference/python")
    for name in ("lightship.server.ServerOptions", "lightship.transports.http.limits.Limits"):
        place = name if f'id="{name}"' in page else name.replace("lightship.server.", "lightship.")
        for field in members_of(lightship.server.ServerOptions if "Server" in name else type(limits())):
            section = page.split(f'id="{place}.{field}"')[1].split("<h4 ")[0]
            assert "<p>" in section, f"{place}.{field} has no comment beside it"


def limits() -> Any:
    from lightship.transports.http.limits import Limits

    return Limits()


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, f"{path} {name}")


def section_of(page: str, heading: str) -> str:
    """The part of a page below a heading of the second level."""
    return unescape(page.split(f'<h2 id="{heading.replace(" ", "-")}"')[1].split("<h2 ")[0])


def test_every_command_and_option_is_in_the_commands_reference(site: Site) -> None:
    page = site.page("reference/cli")
    found = list(commands(typer.main.get_command(app), "lightship"))
    assert len(found) >= 12
    for path, command in found:
        section = section_of(page, path)
        options = [name for one in command.params if one.param_type_name == "option" for name in one.opts]
        assert [name for name in options if not re.search(rf"<code>{name}[ <]", section)] == [], path


def test_every_flag_of_the_drop_in_command_is_in_the_commands_reference(site: Site) -> None:
    section = section_of(site.page("reference/cli"), "lightship-model-server")
    assert [flag.name for flag in FLAGS if f"<code>--{flag.name}</code>" not in section] == []


def test_defaults_that_follow_the_machine_are_not_those_of_the_machine_that_built_the_site(site: Site) -> None:
    section = section_of(site.page("reference/cli"), "lightship-model-server")
    (row,) = re.findall(r"<tr>\s*<td><code>--grpc_max_threads</code>.*?</tr>", section, re.DOTALL)
    assert "4 x the number of processors" in row


def test_every_metric_of_a_server_is_in_the_metrics_reference(site: Site, half_plus_two: Path) -> None:
    with lightship.server.serve(half_plus_two, rest_port="auto") as server:
        assert server.wait_ready(60)
        body = {"instances": [1.0]}
        httpx2.post(f"{server.rest_url}/v1/models/half_plus_two:predict", json=body).raise_for_status()
        shown = httpx2.get(f"{server.rest_url}/metrics").text
    names = re.findall(r"^# TYPE (\S+) (\w+)$", shown, re.MULTILINE)
    assert len(names) > 15
    page = site.page("reference/metrics")
    rows = dict(re.findall(r"<td><code>([^<]+)</code></td>\s*<td>(\w+)</td>", page))
    assert {name: rows.get(name) for name, _ in names} == dict(names)


def subclasses(of: type) -> Iterator[type]:
    yield of
    for one in of.__subclasses__():
        yield from subclasses(one)


def test_every_error_is_in_the_errors_reference(site: Site) -> None:
    page = site.page("reference/errors")
    ours = {one.__name__ for one in subclasses(LightshipError) if one.__module__ == "lightship.errors"}
    assert len(ours) >= 17
    assert [name for name in sorted(ours) if f"<td><code>{name}</code></td>" not in page] == []


def test_every_environment_variable_is_in_the_configuration_reference(site: Site) -> None:
    sources = "".join(file.read_text() for file in (ROOT / "src").rglob("*.py"))
    variables = set(re.findall(r"\bLIGHTSHIP_[A-Z_]*[A-Z]\b", sources))
    assert len(variables) > 40
    page = site.page("reference/configuration")
    assert [name for name in sorted(variables) if f"<code>{name}</code>" not in page] == []


def test_every_field_of_the_configuration_files_is_in_the_configuration_reference(site: Site) -> None:
    page = site.page("reference/configuration") + site.page("guides/batching")
    models = protos.ModelServerConfig.DESCRIPTOR.fields_by_name["model_config_list"].message_type
    prometheus = protos.MonitoringConfig.DESCRIPTOR.fields_by_name["prometheus_config"].message_type
    ours = [models.fields_by_name["config"].message_type, prometheus]
    messages = [*ours, protos.SSLConfig.DESCRIPTOR, protos.BatchingParameters.DESCRIPTOR]
    fields = [field.name for message in messages for field in message.fields]
    assert len(fields) > 20
    assert [name for name in fields if f"<code>{name}</code>" not in page] == []


def test_every_channel_argument_is_in_the_configuration_reference(site: Site) -> None:
    page = site.page("reference/configuration")
    assert [name for name in channel_arguments._KNOWN if f"<code>{name}</code>" not in page] == []


def test_every_method_of_grpc_is_in_the_grpc_reference(site: Site) -> None:
    rows = re.findall(r"<tr>.*?</tr>", site.page("reference/grpc"), re.DOTALL)
    for name in (*methods.CALLS, *methods.HEALTH_CALLS):
        service, method = name.strip("/").split("/")
        assert any(f"<code>{service}</code>" in row and f"<code>{method}</code>" in row for row in rows), name


def test_no_page_needs_anything_from_outside(site: Site) -> None:
    loads = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?((?:https?:)?//[^\" >]+)")
    outside = {str(page): loads.findall(page.read_text(encoding="utf-8")) for page in site.folder.rglob("*.html")}
    assert len(outside) > 20
    assert {page: found for page, found in outside.items() if found} == {}
    styles = "".join(file.read_text(encoding="utf-8") for file in site.folder.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()[\"' ]*(?:https?:)?//", styles) == []

"""The alerts and the dashboard in deploy/ are valid by Prometheus and Grafana, and ask for metrics that exist."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from lightship.batching.tensorflow_serving import BatchingParameters
from lightship.errors import Code
from lightship.server import Server, ServerOptions, parse_model_argument

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
ALERTS = PROMETHEUS / "lightship-alerts.yaml"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "lightship.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {variable["name"] for variable in DASHBOARD["templating"]["list"]}

RULES = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
OF_ALERTS = [rule["expr"] for rule in RULES]
OF_PANELS = [target["expr"] for panel in PANELS for target in panel["targets"]]
OF_VARIABLES = [one["query"]["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]

METRIC = re.compile(r"(?<![\w:])(?:lightship_|process_|:tensorflow:)[\w:]+")
# The labels that Prometheus adds.
ADDED = {"job", "instance", "le"}


@pytest.fixture(scope="module")
def page(half_plus_two: Path) -> Iterator[str]:
    """The metrics of a server that has answered a request, in a batch."""
    models = [parse_model_argument(f"m={half_plus_two}")]
    options = ServerOptions(models, rest_port="auto", batching=BatchingParameters())
    with Server(options) as server:
        assert server.wait_ready(60)
        url = f"http://127.0.0.1:{server.rest_port}"
        assert httpx2.post(f"{url}/v1/models/m:predict", json={"instances": [1.0]}, timeout=60).status_code == 200
        yield httpx2.get(f"{url}/metrics", timeout=60).text


def promtool(*arguments: str | Path) -> str:
    program = shutil.which("promtool")
    if program is None and not os.environ.get("CI"):
        pytest.skip("promtool is not installed")
    assert program, "CI has promtool"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def names_of(page: str) -> set[str]:
    """The names of all samples that a page may have."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\w+)$", page, re.MULTILINE):
        names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


def labels_of(page: str, metric: str) -> set[str]:
    samples = re.findall(rf"^{metric}\{{(.*)\}} ", page, re.MULTILINE)
    return {label for sample in samples for label in re.findall(r'(\w+)="', sample)}


def test_prometheus_takes_the_alerts_and_the_configuration() -> None:
    promtool("check", "rules", ALERTS)
    promtool("check", "config", PROMETHEUS / "prometheus.yaml")


def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    promtool("test", "rules", PROMETHEUS / "lightship-alerts.test.yaml")


def test_every_alert_is_tried() -> None:
    tests = yaml.safe_load((PROMETHEUS / "lightship-alerts.test.yaml").read_text())["tests"]
    tried = {case["alertname"] for test in tests for case in test["alert_rule_test"] if "exp_alerts" in case}
    assert tried == {rule["alert"] for rule in RULES}


def test_prometheus_finds_nothing_to_mend_in_our_metrics(page: str, tmp_path: Path) -> None:
    program = shutil.which("promtool")
    if program is None and not os.environ.get("CI"):
        pytest.skip("promtool is not installed")
    assert program, "CI has promtool"
    own = "".join(f"{line}\n" for line in page.splitlines() if re.match(r"(# \w+ )?lightship_", line))
    done = subprocess.run([program, "check", "metrics"], input=own, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_prometheus_takes_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    expressions = [re.sub(r"\$__rate_interval", "5m", expression) for expression in OF_PANELS]
    rules = [{"record": f"r{place}", "expr": expression} for place, expression in enumerate(expressions)]
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", file)


@pytest.mark.parametrize("expression", [*OF_ALERTS, *OF_PANELS, *OF_VARIABLES])
def test_every_metric_is_on_the_page_of_a_server(page: str, expression: str) -> None:
    assert set(METRIC.findall(expression)) - names_of(page) == set()


@pytest.mark.parametrize("expression", [*OF_ALERTS, *OF_PANELS])
def test_every_label_that_is_selected_is_one_of_its_metric(page: str, expression: str) -> None:
    for metric, selected in re.findall(r"([\w:]+)\{([^}]*)\}", expression):
        labels = labels_of(page, metric)
        if labels:  # a metric without a sample shows no labels
            assert set(re.findall(r"(\w+)=", selected)) - ADDED <= labels


def test_the_codes_of_the_alerts_exist() -> None:
    codes = re.findall(r'code=~?"([^"]*)"', " ".join([*OF_ALERTS, *OF_PANELS]))
    assert {code for several in codes for code in several.split("|")} <= {code.name for code in Code}


def missing(given: Any, kept: Any, place: str = "") -> Iterator[str]:
    """Yields the places in JSON where something was lost or changed."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            yield from missing(value, kept.get(key), f"{place}.{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, both in enumerate(zip(given, kept, strict=True)):
            yield from missing(*both, f"{place}[{number}]")
    elif given != kept:
        yield place


def taken(dashboard: dict[str, Any]) -> Any:
    """What Grafana's own types keep of a dashboard."""
    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))


def test_the_dashboard_has_nothing_that_grafanas_types_do_not_know() -> None:
    assert list(missing(DASHBOARD, taken(DASHBOARD))) == []


def test_a_mistake_in_the_dashboard_is_noticed() -> None:
    changed = json.loads(json.dumps(DASHBOARD))
    changed["panels"][1]["fieldConfig"]["defaults"]["unitt"] = "s"
    assert list(missing(changed, taken(changed))) == [".panels[1].fieldConfig.defaults.unitt"]


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_panels_ask_the_chosen_source_and_variables_that_exist() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert set(re.findall(r"\$([a-z]\w+)", target["expr"])) <= VARIABLES

"""deploy/ is valid by Kubernetes' own schemas, and true to the image, the package and the server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx2
import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose

import lightship
from lightship.cli.model_server_flags import FLAGS
from lightship.server.options import ServerOptions

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
KUSTOMIZATIONS = ["base", "overlays/baked"]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
UNIT = (DEPLOY / "systemd" / "lightship.service").read_text()
IMAGE = f"lightship:{lightship.__version__}"
ENDING = 1.0  # seconds that a server needs after its drain
DRAIN = next(float(field.default) for field in fields(ServerOptions) if field.name == "drain_seconds")


def rendered(name: str) -> dict[str, Any]:
    """What kustomize makes of it, by kind."""
    kubectl = shutil.which("kubectl")
    if kubectl is None and not os.environ.get("CI"):
        pytest.skip("kubectl is not installed")
    assert kubectl, "CI has kubectl"
    command = [kubectl, "kustomize", str(KUBERNETES / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {document["kind"]: document for document in yaml.safe_load_all(done.stdout)}


def pod(name: str) -> dict[str, Any]:
    return rendered(name)["Deployment"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", ["1.35", "1.36", "1.37"])
@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_kubernetes_takes_it(name: str, version: str) -> None:
    for document in rendered(name).values():
        kubernetes_validate.validate(document, version, strict=True)


def test_a_field_that_does_not_exist_is_noticed() -> None:
    document = rendered("base")["Deployment"]
    document["spec"]["template"]["spec"]["terminationGracePeriod"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, "1.37", strict=True)


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_every_file_is_named_by_its_kustomization(name: str) -> None:
    folder = KUBERNETES / name
    text = (folder / "kustomization.yaml").read_text()
    files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(re.findall(r"[\w-]+\.yaml$", text, re.MULTILINE))


def test_the_baked_overlay_needs_no_volume_of_models() -> None:
    assert "PersistentVolumeClaim" not in rendered("overlays/baked")
    spec = pod("overlays/baked")
    assert [volume["name"] for volume in spec["volumes"]] == ["tmp"]
    assert spec["containers"][0]["image"] == "dog:1"
    assert not spec["containers"][0]["env"]  # the image says which model it has


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_the_grace_period_holds_the_drain(name: str) -> None:
    spec = pod(name)
    waited = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] > waited + DRAIN + ENDING


def test_the_grace_period_of_kserve_holds_the_drain() -> None:
    predictor = yaml.safe_load((DEPLOY / "kserve" / "inference-service.yaml").read_text())["spec"]["predictor"]
    assert predictor["terminationGracePeriodSeconds"] > DRAIN + ENDING


def test_the_user_and_the_ports_are_the_images() -> None:
    spec = pod("base")
    context = spec["securityContext"]
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}\n" in DOCKERFILE
    ports = [str(port["containerPort"]) for port in spec["containers"][0]["ports"]]
    assert f"EXPOSE {' '.join(ports)}\n" in DOCKERFILE
    named = {port["name"]: port["port"] for port in rendered("base")["Service"]["spec"]["ports"]}
    assert named == {"grpc": 8500, "rest": 8501}
    assert all(f"{variable['name']}=" in DOCKERFILE for variable in spec["containers"][0]["env"])


def test_the_image_is_of_this_version() -> None:
    assert pod("base")["containers"][0]["image"] == IMAGE
    assert f"LIGHTSHIP_IMAGE:-{IMAGE}}}" in (DEPLOY / "compose.yaml").read_text()
    assert serving_runtime()["containers"][0]["image"] == IMAGE


def test_the_probes_paths_answer(dog_bundle: Path) -> None:
    container = pod("base")["containers"][0]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    command = [Path(sys.executable).parent / "lightship", "serve", str(dog_bundle), "--rest-port", "auto", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url = json.loads(server.stdout.readline())["url"]
            assert [httpx2.get(url + probe["path"]).status_code for probe in probes] == [200] * 3
        finally:
            server.terminate()
    assert {probe["port"] for probe in probes} == {"rest"}


def composed(**environment: str) -> str:
    """compose.yaml with its variables filled in, as Compose does before it reads the rest."""
    variable = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
    return variable.sub(lambda found: environment.get(found[1], found[3]), (DEPLOY / "compose.yaml").read_text())


def test_compose_takes_its_file() -> None:
    assert PyCompose.from_yaml(composed(MODEL_DIR="/models/dog")).service_names() == ["lightship"]


def test_a_mistake_in_composes_file_is_noticed() -> None:
    with pytest.raises(ValueError, match="cap_dropp"):
        PyCompose.from_yaml(composed(MODEL_DIR="/models/dog").replace("cap_drop", "cap_dropp"))


def test_compose_is_true_to_the_image() -> None:
    service = yaml.safe_load(composed(MODEL_DIR="/models/dog"))["services"]["lightship"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert f"EXPOSE {' '.join(port.rsplit(':', 1)[1] for port in service['ports'])}\n" in DOCKERFILE
    assert float(service["stop_grace_period"].removesuffix("s")) > DRAIN + ENDING
    assert service["volumes"][0]["read_only"]
    assert service["read_only"]
    assert all(f"{name}=" in DOCKERFILE for name in service["environment"])


def serving_runtime() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "kserve" / "serving-runtime.yaml").read_text())["spec"]


def test_the_serving_runtimes_container_is_one_of_kubernetes() -> None:
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}
    document["spec"] = {"containers": serving_runtime()["containers"]}
    kubernetes_validate.validate(document, "1.37", strict=True)


def test_an_init_is_the_first_process_everywhere() -> None:
    entry = re.search(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)
    assert entry
    init = ["/usr/bin/tini", "-s", "--"]
    assert json.loads(entry[1])[:3] == init
    assert "python3 tini" in DOCKERFILE
    assert serving_runtime()["containers"][0]["command"][:3] == init
    assert "command" not in pod("base")["containers"][0]  # so the image's entry point starts it


def test_the_serving_runtimes_flags_are_the_servers() -> None:
    given = {argument.removeprefix("--").split("=")[0] for argument in serving_runtime()["containers"][0]["args"]}
    assert given <= {flag.name for flag in FLAGS}


def test_the_files_that_the_guide_names_exist() -> None:
    guide = (ROOT / "docs" / "guides" / "deploy.md").read_text()
    named = set(re.findall(r"deploy/[\w./-]+\w", guide))
    assert named
    assert all((ROOT / path).exists() for path in named)


def test_the_unit_of_systemd_is_valid(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "lightship.service"
    unit.write_text(UNIT.replace("/opt/lightship/bin/lightship", sys.executable))  # verify wants a program that exists
    done = subprocess.run([program, "verify", str(unit)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_waits_until_a_server_has_drained() -> None:
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert int(seconds) > DRAIN + ENDING
    assert "KillMode=mixed" in UNIT

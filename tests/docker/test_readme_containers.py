"""README's blocks about containers, in order, on a real engine; 8501 stands for a free port."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from benchmarks.ports import free_port
from tests.docker.own_engine import Engine
from tests.docs.blocks import BIN, ROOT, blocks, matches

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]


def test_readmes_containers_do_what_it_says(engine: Engine, image: str, dog_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(dog_bundle, tmp_path / "models" / "dog")
    tmp_path.chmod(0o755)
    port, name = free_port(), f"readme{os.getpid()}"
    environment = engine.environment | {"PATH": f"{BIN}:{os.environ['PATH']}", "LIGHTSHIP_CONTAINER": name}
    examples = [block for block in blocks((ROOT / "README.md").read_text()) if block.language == "bash"]
    assert len(examples) == 2
    for block in examples:
        code = block.code.replace("start models/dog", f"start models/dog -p {port}:8501")
        done = subprocess.run(
            ["bash", "-euc", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stderr
        printed = done.stdout.replace(str(port), "8501").replace(f"{name} is", "lightship is")
        assert block.output is not None
        assert matches(block.output, printed), printed

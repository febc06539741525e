"""The images that tests run, made here and kept in `.cache/docker`: nothing is pulled."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from scripts import build_image
from tests.docker.own_engine import Engine

CACHE = Path(__file__).parents[2] / ".cache" / "docker"
BASE = "debian:bookworm-slim"
OFFICIAL = "tensorflow/serving:2.20.0"
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
LABELLED = {"SOURCE_DATE_EPOCH": "1767225600", "REVISION": "0123456789abcdef0123456789abcdef01234567"}

# What Debian's slim images leave out of a minimal system, and tell dpkg to leave out from then on.
LEFT_OUT = tuple(f"usr/share/{name}" for name in ("doc", "groff", "info", "lintian", "locale", "man"))
LEFT_OVER = ("var/lib/apt/lists", "var/cache/apt", "var/log")

# The entry point of TensorFlow Serving's image: the shell stays the first process, and passes no signal on.
OFFICIAL_ENTRY_POINT = """#!/bin/bash
tensorflow_model_server --port=8500 --rest_api_port=8501 \\
    --model_name=${MODEL_NAME} --model_base_path=${MODEL_BASE_PATH}/${MODEL_NAME} "$@"
"""


def import_base(engine: Engine) -> str:
    """Debian's slim image, made from Debian's packages."""
    tar = CACHE / f"base-{platform.machine()}.tar"
    if not tar.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir="/tmp", prefix="lsb-") as folder:
            make_base(Path(folder) / "root", Path(folder) / "base.tar")
            place(Path(folder) / "base.tar", tar)
    engine.run("import", "--change", 'CMD ["bash"]', str(tar), BASE)
    return BASE


def make_base(root: Path, tar: Path) -> None:
    command = ["debootstrap", "--variant=minbase", "bookworm", str(root), MIRROR]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    excluded = [f"path-exclude /{folder}/*" for folder in LEFT_OUT]
    rules = "\n".join([*excluded, "path-include /usr/share/doc/*/copyright", ""])
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(rules)
    patterns = [f"--exclude=./{folder}/*" for folder in (*LEFT_OUT, *LEFT_OVER, "dev", "proc", "sys")]
    subprocess.run(["tar", "-C", str(root), "--numeric-owner", *patterns, "-cf", str(tar), "."], check=True)


def build(engine: Engine) -> str:
    """Our image; the one in the cache if it is made of the same files."""
    tag, tar = build_image.tag(), CACHE / f"lightship-{digest()}.tar"
    if tar.exists():
        engine.run("load", "--input", str(tar))
    else:
        import_base(engine)
        build_anew(engine)
        keep(engine, tag, tar)
    return tag


def build_anew(engine: Engine, *options: str, extra: str = "") -> str:
    """By what `make image` runs. options: for `docker build`."""
    command = ["scripts/build_image.py", "--extra", extra, "--", "--network", "host", *options]
    environment = {**engine.environment, **LABELLED}
    done = subprocess.run(["python3", *command], cwd=build_image.ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return build_image.tag(extra)


def keep(engine: Engine, tag: str, tar: Path) -> None:
    """In place of what was kept of earlier sources."""
    for old in CACHE.glob(f"{tar.name.rpartition('-')[0]}-*.tar"):
        old.unlink()
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        engine.run("save", "--output", f"{folder}/image.tar", tag)
        place(Path(folder) / "image.tar", tar)


def place(source: Path, target: Path) -> None:
    """Whole or not at all: a run that is killed leaves no half file in the cache."""
    partial = target.with_suffix(f".{os.getpid()}")
    shutil.move(source, partial)
    partial.rename(target)


def digest() -> str:
    """Of everything that enters the image, but for Debian's packages."""
    return hashlib.sha256(build_image.context()).hexdigest()[:16]


def build_stand_in(engine: Engine, image: str) -> str:
    lines = (
        f"FROM {image}",
        "USER 0",
        "HEALTHCHECK NONE",
        'LABEL org.opencontainers.image.title="" org.opencontainers.image.version=""',
        "COPY tf_serving_entrypoint.sh /usr/bin/tf_serving_entrypoint.sh",
        "ENV MODEL_BASE_PATH=/models MODEL_NAME=model",
        'ENTRYPOINT ["/usr/bin/tf_serving_entrypoint.sh"]',
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Dockerfile").write_text("\n".join(lines) + "\n")
        script = Path(folder) / "tf_serving_entrypoint.sh"
        script.write_text(OFFICIAL_ENTRY_POINT)
        script.chmod(0o755)
        engine.run("build", "--tag", OFFICIAL, folder)
    return OFFICIAL

"""The image: how large its layers and largest parts are, and how soon a container of it answers.

Usage: python -m benchmarks.image [--image lightship:0.1.0] [--models models/dog] [--rounds 7]

Needs what `make image` and `make demo` made, and a Docker Engine (DOCKER_HOST, or the machine's own).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from demo.assets import fetch
from scripts.build_image import ROOT, tag

SITE = "/opt/lightship/lib/python3*/site-packages"
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default=tag())
    parser.add_argument("--models", type=Path, default=ROOT / "models" / "dog", help="a folder with versions in it")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(docker("history", "--format", "{{.Size}}\t{{.CreatedBy}}", options.image))
    largest = f"du -sm {SITE}/* | sort -nr | head -12"
    print(docker("run", "--rm", "--entrypoint", "sh", options.image, "-c", largest))
    seconds = sorted(to_first_answer(options.image, options.models.resolve()) for _ in range(options.rounds))
    median = statistics.median(seconds)
    spread = f"median of {options.rounds}; {seconds[0]:.2f}-{seconds[-1]:.2f}"
    print(f"docker run to first answer: {median:.2f} s ({spread})")


def docker(*command: str) -> str:
    return subprocess.check_output(["docker", *command], text=True).strip()


def to_first_answer(image: str, models: Path) -> float:
    """Seconds from `docker run` to the answer to a photo."""
    mount = f"type=bind,source={models},target=/models/dog,readonly"
    options = ("--detach", "--rm", "--publish", "127.0.0.1::8501", "--env", "MODEL_NAME=dog", "--mount", mount)
    start = time.perf_counter()
    container = docker("run", *options, *HARDENED, image)
    try:
        address = docker("port", container, "8501/tcp").splitlines()[0]
        request = urllib.request.Request(
            f"http://{address}/v1/models/dog:predict", fetch().photo.read_bytes(), {"Content-Type": "image/jpeg"}
        )
        while not answered(request):
            time.sleep(0.005)
        return time.perf_counter() - start
    finally:
        docker("stop", container)


def answered(request: urllib.request.Request) -> bool:
    try:
        return bool(urllib.request.urlopen(request, timeout=30).status == 200)
    except urllib.error.HTTPError:
        raise
    except OSError:
        return False


if __name__ == "__main__":
    main()

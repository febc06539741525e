"""Says what to install where a package is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from lightship.errors import FailedPrecondition

INSTALL_TENSORFLOW = "pip install 'lightship[tensorflow]'"
INSTALL_LITERT = "pip install 'lightship[litert]'"
INSTALL_DOCKER = "pip install 'lightship[docker]'"
INSTALL_QUANTIZE = "pip install 'lightship[quantize]'"
INSTALL_SIGNING = "pip install 'lightship[signing]'"
INSTALL_ONNX = "pip install 'lightship[onnx]'"
INSTALL_GPU = "pip install 'lightship[gpu]'"

# The extra that brings a package, by the name in `import`.
_EXTRAS = {
    "tensorflow": INSTALL_TENSORFLOW,
    "keras": INSTALL_TENSORFLOW,
    "docker": INSTALL_DOCKER,
    "ai_edge_litert": INSTALL_LITERT,
    "nncf": INSTALL_QUANTIZE,
    "s3fs": "pip install 'lightship[s3]'",
    "gcsfs": "pip install 'lightship[gcs]'",
    "adlfs": "pip install 'lightship[azure]'",
    "model_signing": INSTALL_SIGNING,
    "OpenSSL": INSTALL_SIGNING,
    "certifi": INSTALL_SIGNING,
    "cryptography": INSTALL_SIGNING,
    "onnxruntime": INSTALL_ONNX,
    # The extra would bring a second onnxruntime where that for GPUs is installed.
    "tf2onnx": "pip install tf2onnx",
    "onnx": "pip install tf2onnx",
}
# The dependencies of every install whose names differ from those in `import`; they lack only after `pip --no-deps`.
_PROJECTS = {
    "ai_edge_litert": "ai-edge-litert",
    "PIL": "pillow",
    "google": "protobuf",
    "google_crc32c": "google-crc32c",
    "grpc": "grpcio",
    "ml_dtypes": "ml-dtypes",
    "model_signing": "model-signing",
    "OpenSSL": "pyopenssl",
    "prometheus_client": "prometheus-client",
}


@contextmanager
def required(purpose: str) -> Iterator[None]:
    """Raises FailedPrecondition, with what to install, if an import in the block does not find a package.

    purpose: what needs the package, such as "lightship export"; the message begins with it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        advice = advice_for(error)
        if advice is None:
            raise
        raise FailedPrecondition(f"{purpose} needs {advice}") from error


def advice_for(error: ImportError) -> str | None:
    """Which package is missing, and how to install it. None for modules of Lightship, which an install always has."""
    name = (error.name or "").partition(".")[0]
    if not name or name == "lightship" or not isinstance(error, ModuleNotFoundError):
        return None
    return _advice(name)


def require(purpose: str, *packages: str) -> None:
    """Raises FailedPrecondition, with what to install, if one of the packages is not installed. Imports nothing.

    purpose: as for `required`. packages: their names in `import`.
    """
    for name in packages:
        if name not in sys.modules and find_spec(name) is None:
            raise FailedPrecondition(f"{purpose} needs {_advice(name)}")


def _advice(name: str) -> str:
    project = _PROJECTS.get(name, name)
    return f"the package {project}, which is not installed: {_EXTRAS.get(name, f'pip install {project}')}"

"""A package tf2onnx for tests, which converts nothing itself."""

from __future__ import annotations

from pathlib import Path

_MODULES = {
    "__init__": "",
    "handler": "def tf_op(name):\n    return lambda handler: handler\n",
    "utils": "map_onnx_to_numpy_type = None\n",
    "onnx_opset": "math = None\n",
}


def fake_tf2onnx(folder: Path, convert: str) -> None:
    """Creates the package in a folder. `convert` is the code of its module of that name."""
    package = folder / "tf2onnx"
    package.mkdir(parents=True)
    for name, code in {**_MODULES, "convert": convert}.items():
        (package / f"{name}.py").write_text(code)

"""Makes three things while the package is built, also for editable installs.

These are a descriptor set of the .proto files and, if there is a C compiler, the extensions that read JSON, write the
lines of the access log and resize photos. Without them, the package does the same more slowly.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTOS = Path("src/lightship/protos")
DESCRIPTORS = "descriptors.binpb"
PACKAGE = Path("src/lightship")
# Each is made of the files native/*.c next to it.
FOLDERS = ("transports/rest/reading", "transports/access_log", "images")
EXTENSIONS = [PACKAGE / folder / "_native.abi3.so" for folder in FOLDERS]


class Build(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._compile_protos()
        if self.target_name == "wheel" and self._compile_extensions() and version != "editable":
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["pure_python"] = False
            build_data["tag"] = f"cp311-abi3-{platform}"
            build_data["artifacts"] += [f"/{extension}" for extension in EXTENSIONS]

    def _compile_protos(self) -> None:
        from grpc_tools import protoc

        folder = Path(self.root) / PROTOS
        wellknown = Path(protoc.__file__).parent / "_proto"
        files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*.proto"))
        arguments = ["protoc", f"-I{folder}", f"-I{wellknown}", "--include_imports"]
        arguments.append(f"--descriptor_set_out={folder / DESCRIPTORS}")
        if protoc.main([*arguments, *files]) != 0:
            raise RuntimeError(f"protoc could not compile the files in {folder}")

    def _compile_extensions(self) -> bool:
        """Returns whether all extensions were built. If not, none is left, nor one of an earlier build."""
        made = [Path(self.root) / extension for extension in EXTENSIONS]
        _remove_extensions(made)
        if sys.platform == "linux" and all(map(_compile, made)):
            return True
        _remove_extensions(made)
        return False


def _remove_extensions(made: list[Path]) -> None:
    for extension in made:
        for old in extension.parent.glob("*.so"):
            old.unlink()


def _compile(extension: Path) -> bool:
    compiler = shlex.split(os.environ.get("CC", "cc"))
    flags = ["-O2", "-shared", "-fPIC", "-fvisibility=hidden", f"-I{sysconfig.get_path('include')}"]
    sources = sorted((extension.parent / "native").glob("*.c"))
    try:
        done = subprocess.run([*compiler, *flags, "-o", extension, *sources], capture_output=True)
    except OSError:  # no compiler
        return False
    return done.returncode == 0

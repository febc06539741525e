"""Makes two things while the package is built, also for editable installs.

These are a descriptor set of the .proto files and, if there is a C compiler, the extension that reads JSON. Without the
extension, the package does the same more slowly.
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
READING = Path("src/lightship/transports/rest/reading")
EXTENSION = READING / "_native.abi3.so"


class Build(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._compile_protos()
        if self.target_name == "wheel" and self._compile_extension() and version != "editable":
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["pure_python"] = False
            build_data["tag"] = f"cp311-abi3-{platform}"
            build_data["artifacts"].append(f"/{EXTENSION}")

    def _compile_protos(self) -> None:
        from grpc_tools import protoc

        folder = Path(self.root) / PROTOS
        wellknown = Path(protoc.__file__).parent / "_proto"
        files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*.proto"))
        arguments = ["protoc", f"-I{folder}", f"-I{wellknown}", "--include_imports"]
        arguments.append(f"--descriptor_set_out={folder / DESCRIPTORS}")
        if protoc.main([*arguments, *files]) != 0:
            raise RuntimeError(f"protoc could not compile the files in {folder}")

    def _compile_extension(self) -> bool:
        """Returns whether the extension was built. If not, none of an earlier build is left."""
        made = Path(self.root) / EXTENSION
        for old in made.parent.glob("*.so"):
            old.unlink()
        if sys.platform != "linux":
            return False
        compiler = shlex.split(os.environ.get("CC", "cc"))
        flags = ["-O2", "-shared", "-fPIC", "-fvisibility=hidden", f"-I{sysconfig.get_path('include')}"]
        sources = sorted((made.parent / "native").glob("*.c"))
        try:
            done = subprocess.run([*compiler, *flags, "-o", made, *sources], capture_output=True)
        except OSError:  # no compiler
            return False
        return done.returncode == 0

"""Compiles the .proto files to one descriptor set while the package is built, editable installs included."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTOS = Path("src/lightship/protos")
DESCRIPTORS = "descriptors.binpb"


class CompileProtos(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        from grpc_tools import protoc

        folder = Path(self.root) / PROTOS
        wellknown = Path(protoc.__file__).parent / "_proto"
        files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*.proto"))
        arguments = ["protoc", f"-I{folder}", f"-I{wellknown}", "--include_imports"]
        arguments.append(f"--descriptor_set_out={folder / DESCRIPTORS}")
        if protoc.main([*arguments, *files]) != 0:
            raise RuntimeError(f"protoc could not compile the files in {folder}")

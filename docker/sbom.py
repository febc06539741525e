"""Prints a list of the image's parts as CycloneDX 1.6: Debian's packages and Python's distributions."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterable, Iterator
from email.parser import HeaderParser
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]


def debian_packages(status: Path, codename: str) -> Iterator[Component]:
    """status: dpkg's list of packages."""
    for paragraph in status.read_text().split("\n\n"):
        package = HeaderParser().parsestr(paragraph)
        if package.get("Status") == "install ok installed":
            name, version, processor = package["Package"], package["Version"], package["Architecture"]
            purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={processor}&distro={codename}"
            yield component(name, version, purl)


def python_distributions(roots: Iterable[Path]) -> Iterator[Component]:
    for root in roots:
        folders = [str(folder) for folder in root.glob("opt/lightship/lib/python3*/site-packages")]
        for distribution in distributions(path=folders):
            name = distribution.name.lower().replace("_", "-")
            purl = f"pkg:pypi/{quote(name)}@{quote(distribution.version)}"
            yield component(distribution.name, distribution.version, purl) | licence(distribution)


def component(name: str, version: str, purl: str) -> Component:
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def licence(distribution: Distribution) -> Component:
    """As the distribution states it; nothing where it gives a text instead of a name."""
    expression = distribution.metadata.get("License-Expression")
    if expression:
        return {"licenses": [{"expression": expression}]}
    name = distribution.metadata.get("License", "")
    return {"licenses": [{"license": {"name": name}}]} if name and "\n" not in name else {}


def document(components: list[Component]) -> Component:
    subject = next(part for part in components if part["name"] == "lightship")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**subject, "type": "container", "bom-ref": "image"}},
        "components": sorted(components, key=lambda part: str(part["purl"])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--status", type=Path, required=True, help="dpkg's status file")
    parser.add_argument("--packages", type=Path, nargs="+", required=True, help="trees with /opt/lightship in them")
    given = parser.parse_args()
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "unknown")
    parts = [*debian_packages(given.status, codename), *python_distributions(given.packages)]
    print(json.dumps(document(parts), indent=1))


if __name__ == "__main__":
    main()

"""What is asked of the image below; how it is found and pulled is tested on an engine, in test_build_baking.py."""

from __future__ import annotations

import pytest

from lightship.docker.base_image import BaseImage, check_layers, checked_platform, fits
from lightship.errors import InvalidArgument, ResourceExhausted


@pytest.mark.parametrize(
    ("there", "wanted", "expected"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/amd64", "linux/arm64", False),
        ("windows/amd64", "linux/amd64", False),
    ],
)
def test_a_platform_fits_one_that_says_less(there: str, wanted: str, expected: bool) -> None:
    assert fits(there, wanted) is expected


@pytest.mark.parametrize("platform", ["", "linux", "linux/", "linux/arm 64", "a/b/c/d", "linux/arm64\n"])
def test_what_is_no_platform_is_refused(platform: str) -> None:
    with pytest.raises(InvalidArgument, match="not a platform: give one such as linux/amd64"):
        checked_platform(platform)


def test_there_is_room_for_as_many_versions_as_layers() -> None:
    base = BaseImage("sha256:0", "linux/amd64", ("sha256:1",) * 5)
    check_layers(base, "base", 120)
    with pytest.raises(ResourceExhausted, match="at most 125 layers, and base leaves room for 120"):
        check_layers(base, "base", 121)

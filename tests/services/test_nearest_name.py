"""Which known name a wrong one was meant to be."""

from __future__ import annotations

import time

import pytest

from lightship.services.nearest_name import KnownNames

NAMES = ["dog", "cat", "half_plus_two", "MobileNetV2", "resnet50", "image_bytes", "serving_default", "hündin"]


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("dgo", "dog"),
        ("dogs", "dog"),
        ("Dog", "dog"),
        ("cart", "cat"),
        ("halfplustwo", "half_plus_two"),
        ("mobilenet", "MobileNetV2"),
        ("resnet-50", "resnet50"),
        ("serving_defualt", "serving_default"),
        ("image", "image_bytes"),
        ("HÜNDIN", "hündin"),
        ("horse", None),
        ("", None),
        ("\0\n", None),
        ("dog" * 1000, None),
    ],
)
@pytest.mark.parametrize("others", [0, 10_000])
def test_the_most_similar_name_is_found_among_few_and_many(wrong: str, nearest: str | None, others: int) -> None:
    known = KnownNames([*NAMES, *(f"{number:05d}" for number in range(others))])
    assert known.nearest(wrong) == nearest


def test_names_keep_their_order_and_are_counted_once() -> None:
    known = KnownNames(["b", "a", "b"])
    assert (list(known.first(5)), len(known), "a" in known, "c" in known) == (["b", "a"], 2, True, False)


def test_without_names_there_is_none() -> None:
    assert KnownNames([]).nearest("dog") is None


def test_looking_takes_no_longer_among_many_and_long_names() -> None:
    def seconds(known: KnownNames) -> float:
        began = time.thread_time()
        for number in range(200):
            known.nearest("ab" * 30 + str(number))
        return time.thread_time() - began

    few = KnownNames("ab" * 30 + f"{number:04d}" for number in range(24))
    many = KnownNames("ab" * 29 + f"{number:06d}" for number in range(20_000))
    assert min(seconds(many) for _ in range(3)) < 20 * min(seconds(few) for _ in range(3)) + 0.1

"""The text form: names, labels, order, numbers, buckets."""

from __future__ import annotations

import pytest

from lightship.transports.metrics.text import Family, counter, exposed_name, histogram_samples, metrics_text


@pytest.mark.parametrize(
    ("name", "exposed"),
    [
        ("/tensorflow/serving/request_count", ":tensorflow:serving:request_count"),
        ("a.b-c_d9", "a:b:c_d9"),
        ("9lives", "_9lives"),
        ("", ""),
    ],
)
def test_a_name_is_mapped(name: str, exposed: str) -> None:
    assert exposed_name(name) == exposed


def test_families_are_sorted_and_have_a_type_line_without_samples_too() -> None:
    families = [Family("/b", "histogram", []), counter("/c", [({}, 5)]), Family("/a", "gauge", [":a{} 1"])]
    assert metrics_text(families) == b"# TYPE :a gauge\n:a{} 1\n# TYPE :b histogram\n# TYPE :c counter\n:c{} 5\n"


def test_labels_are_mapped_and_their_values_escaped() -> None:
    family = counter("/c", [({"model-name": 'a"b\\c'}, 12345678)])
    assert family.samples == [':c{model_name="a\\"b\\\\c"} 12345678']


def test_a_histogram_counts_upwards_with_six_digits() -> None:
    assert histogram_samples("/h", {"m": "x"}, ["10", "18"], [1, 0, 2], 1234567.8) == [
        ':h_bucket{m="x",le="10"} 1',
        ':h_bucket{m="x",le="18"} 1',
        ':h_bucket{m="x",le="+Inf"} 3',
        ':h_sum{m="x"} 1.23457e+06',
        ':h_count{m="x"} 3',
    ]
    assert histogram_samples("/h", {}, [], [2], 0.5) == [':h_bucket{le="+Inf"} 2', ":h_sum{} 0.5", ":h_count{} 2"]

"""Metrics of several processes are added up."""

from __future__ import annotations

from dataclasses import dataclass

from lightship.server.workers.totals import Totals, added
from lightship.transports.metrics.histogram import Histogram
from lightship.transports.metrics.own.families import own_counter, own_gauge
from lightship.transports.metrics.reading import MetricsReading
from lightship.transports.metrics.text import Family, counter, metrics_text


@dataclass(eq=False)
class Source:
    alive: bool = True


def reading(count: int, page: str = "") -> MetricsReading:
    return MetricsReading([counter("/c", [({"m": "a b"}, count)])], [], page.encode())


def samples(found: MetricsReading) -> list[str]:
    return [line for family in found.families for line in family.samples]


def test_counts_of_the_same_labels_are_added() -> None:
    one = MetricsReading([counter("/c", [({"m": "a"}, 2**53), ({"m": "b"}, 2)])], [], b"")
    other = MetricsReading([counter("/c", [({"m": "a"}, 1), ({"m": "c"}, 4)]), counter("/d", [])], [], b"")
    found = added([one, other])
    assert samples(found) == [f':c{{m="a"}} {2**53 + 1}', ':c{m="b"} 2', ':c{m="c"} 4']
    assert [family.name for family in found.families] == ["/c", "/d"]


def test_histograms_are_added_bucket_by_bucket() -> None:
    one, other, both = Histogram(), Histogram(), Histogram()
    for value in (5.0, 17.0, 1e9):
        one.add(value)
        both.add(value)
    for value in (17.0, 40.0):
        other.add(value)
        both.add(value)
    families = [[Family("/h", "histogram", each.samples("/h", {"m": "a"}))] for each in (one, other, both)]
    found = added([MetricsReading(families[0], [], b""), MetricsReading(families[1], [], b"")])
    assert metrics_text(found.families) == metrics_text(families[2])


def test_the_counts_of_a_process_that_ended_stay() -> None:
    totals, one, other = Totals(), Source(), Source()
    totals.take(one, reading(5, "process_cpu_seconds_total 1.5\nprocess_open_fds 7.0\n"))
    totals.take(other, reading(3, "process_cpu_seconds_total 2.0\nprocess_open_fds 1.0\n"))
    one.alive = False
    totals.end(one)
    totals.end(one)  # the worker's end may be seen twice
    totals.take(one, reading(6))  # what was read late
    assert samples(totals.read()) == [':c{m="a b"} 8']
    assert totals.read().process == b"process_cpu_seconds_total 3.5\nprocess_open_fds 1.0\n"


def test_what_cannot_be_added_is_not() -> None:
    page = '# HELP a b\nprocess_start_time_seconds {}\nprocess_max_fds {}\npython_info{{v="3 x"}} 1.0\nx 1.0\n'
    found = added(MetricsReading([], [], page.format(*values).encode()) for values in ((20.5, 9.0), (10.5, 8.0)))
    assert found.process.decode() == page.format(10.5, 8.0).replace("x 1.0\n", "x 2.0\n")


def test_comments_come_before_the_samples_after_a_process_has_ended() -> None:
    page = "# HELP a b\n# TYPE a_total counter\na_total 1.0\n"
    totals, one, other = Totals(), Source(), Source()
    for source in (one, other):
        totals.take(source, reading(1, page))
    one.alive = False
    totals.end(one)
    assert totals.read([reading(1, page)]).process.decode() == page.replace("1.0", "3.0")


def test_sums_do_not_become_less_when_a_process_ends() -> None:
    def sums(value: str) -> MetricsReading:
        return MetricsReading([Family("/h", "histogram", [f"h_sum{{}} {value}"])], [], b"")

    totals, sources = Totals(), [Source() for _ in range(3)]
    for source, value in zip(sources, ("1e+06", "4.25", "4.25"), strict=True):
        totals.take(source, sums(value))
    for source in sources[:2]:
        assert samples(totals.read()) == ["h_sum{} 1.00001e+06"]
        source.alive = False
        totals.end(source)
    assert samples(totals.read()) == ["h_sum{} 1.00001e+06"]


def test_metrics_of_our_own_keep_their_texts_and_their_digits() -> None:
    one = MetricsReading([], [own_counter("c_total", "Counts.", [({}, 2**53), ({"m": "a"}, 0.1)])], b"")
    other = MetricsReading([], [own_counter("c_total", "Counts.", [({}, 1), ({"m": "a"}, 1e6)])], b"")
    (found,) = added([one, other]).own
    assert found.text == "Counts."
    assert found.samples == [f"c_total{{}} {2**53 + 1}", 'c_total{m="a"} 1000000.1']


def test_a_process_that_ended_waits_for_nothing_any_more() -> None:
    totals, one = Totals(), Source()
    own = [own_gauge("length", "Waits.", [({}, 3)]), own_counter("c_total", "Counts.", [({}, 5)])]
    totals.take(one, MetricsReading([], own, b""))
    one.alive = False
    totals.end(one)
    assert [line for family in totals.read().own for line in family.samples] == ["c_total{} 5"]

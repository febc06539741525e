"""Which versions of a real folder a policy wants, in which order, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship.errors import NotFound
from lightship.lifecycle import All, Latest, ModelConfig, Specific, VersionPolicy
from lightship.lifecycle.aspired import Aspired, find_aspired


def look(folder: Path, entries: str, policy: VersionPolicy) -> Aspired:
    for name in entries.split():
        (folder / name).mkdir(exist_ok=True)
    return find_aspired(ModelConfig("half", folder, policy))


def names(aspired: Aspired) -> list[tuple[int, str]]:
    return [(number, path.name) for number, path in aspired.versions.items()]


@pytest.mark.parametrize(
    ("entries", "policy", "emitted"),
    [
        ("non_numerical_child", Latest(), []),
        ("3", Latest(), [(3, "3")]),
        ("non_numerical_child 42 17", Latest(), [(42, "42")]),
        ("non_numerical_child 42 17", Latest(0), [(42, "42")]),
        ("non_numerical_child 42 17", All(), [(17, "17"), (42, "42")]),
        ("42 33 30 21 17", Latest(3), [(42, "42"), (33, "33"), (30, "30")]),
        ("42 33 30 21 17", Specific([17, 30]), [(17, "17"), (30, "30")]),
        ("42 33 30 21 00017", Specific([17, 30]), [(17, "00017"), (30, "30")]),
        ("42 33 30 21 00017", Specific([]), []),
        ("42 33", Specific([33, 7]), [(33, "33")]),
        ("1 02 3 5 8 13", Latest(2), [(13, "13"), (8, "8")]),
        ("1 02 3 5 8 13", Specific([2, 5]), [(2, "02"), (5, "5")]),
        ("10 9 8", All(), [(10, "10"), (8, "8"), (9, "9")]),
        ("1.denied v1 tmp-1 99999999999999999999 -5 +7 20170111173521", Latest(), [(20170111173521, "20170111173521")]),
        ("1.denied v1 tmp-1 99999999999999999999 -5 +7", All(), [(7, "+7"), (-5, "-5")]),
        ("0001 001 00001", Latest(), [(1, "001")]),
        ("0001 001 00001", Latest(5), [(1, "001")]),
        ("0001 001 00001", Specific([1]), [(1, "001")]),
        ("0001 001 00001", All(), [(1, "00001")]),
        ("1 001", Specific([1]), [(1, "1")]),
        ("", All(), []),
    ],
)
def test_a_policy_picks_from_a_folder(
    folder: Path, entries: str, policy: VersionPolicy, emitted: list[tuple[int, str]]
) -> None:
    assert names(look(folder, entries, policy)) == emitted


def test_a_file_called_by_a_number_counts(folder: Path) -> None:
    (folder / "7").write_text("")
    assert names(look(folder, "", Latest())) == [(7, "7")]
    assert names(look(folder, "", Specific([7]))) == [(7, "7")]


def test_several_entries_of_one_version_are_reported_and_which_of_them_counts(folder: Path) -> None:
    (warning,) = look(folder, "2 02 1", Latest()).warnings
    assert warning == (
        f"Several entries of {folder} are version 2 of servable half: '02', '2'; '2' is used, remove the others"
    )
    (warning,) = look(folder, "", All()).warnings
    assert warning.endswith("'02' is used, remove the others")
    assert look(folder, "", Specific([1])).warnings == []  # it is there by its plain name: the folder is not listed


def test_specific_versions_that_are_not_there_are_only_reported(folder: Path) -> None:
    aspired = look(folder, "1", Specific([3, 1, 2]))
    assert names(aspired) == [(1, "1")]
    assert aspired.warnings == [
        f"Version {number} of servable half, which its version policy names, is not in {folder}" for number in (3, 2)
    ]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    for policy in (Latest(), All(), Specific([1])):
        with pytest.raises(NotFound):
            find_aspired(ModelConfig("half", tmp_path / "none", policy))

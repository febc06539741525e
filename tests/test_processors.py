"""The processors that a process may use: by its affinity and by the control groups of either version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lightship.processors import available_cpus, cpu_quota, schedulable_cpus


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def quota(folder: Path, membership: str) -> float:
    write(folder / "membership", membership)
    return cpu_quota(folder / "membership", folder / "cgroups")


def test_the_lowest_limit_up_the_tree_counts(tmp_path: Path) -> None:
    write(tmp_path / "cgroups/cpu.max", "max 100000\n")
    write(tmp_path / "cgroups/pods/cpu.max", "150000 100000\n")
    write(tmp_path / "cgroups/pods/one/cpu.max", "400000 100000\n")
    assert quota(tmp_path, "0::/pods/one\n") == 1.5


def test_the_root_is_the_containers_own_group(tmp_path: Path) -> None:
    """Inside a container the path may be the host's."""
    write(tmp_path / "cgroups/cpu.max", "200000 100000\n")
    assert quota(tmp_path, "0::/docker/abc\n") == 2.0


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
def test_the_first_version_of_control_groups_is_read(tmp_path: Path, mount: str) -> None:
    write(tmp_path / f"cgroups/{mount}/pod/cpu.cfs_quota_us", "50000\n")
    write(tmp_path / f"cgroups/{mount}/pod/cpu.cfs_period_us", "100000\n")
    write(tmp_path / f"cgroups/{mount}/cpu.cfs_quota_us", "-1\n")
    write(tmp_path / f"cgroups/{mount}/cpu.cfs_period_us", "100000\n")
    assert quota(tmp_path, "4:cpu,cpuacct:/pod\n3:memory:/pod\n") == 0.5


@pytest.mark.parametrize("text", ["max 100000\n", "", "none\n", "100000 0\n"])
def test_no_limit_and_what_cannot_be_read_limit_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path / "cgroups/cpu.max", text)
    assert quota(tmp_path, "0::/\n") == 0.0
    assert cpu_quota(tmp_path / "missing", tmp_path / "missing") == 0.0


def test_the_affinity_counts() -> None:
    assert 1 <= available_cpus() <= schedulable_cpus()
    code = "from lightship.processors import available_cpus; print(available_cpus())"
    one = min(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(one), sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"


LIMITED = """
import os, sys
from lightship import processors
processors.cpu_quota = lambda: float(sys.argv[1])
processors.schedulable_cpus = lambda: 64
processors.limit_libraries()
print(os.environ.get("OPENBLAS_NUM_THREADS"))
"""


@pytest.mark.parametrize(("quota", "given", "threads"), [("2", None, "2"), ("0", None, "None"), ("2", "5", "5")])
def test_other_libraries_are_limited_where_control_groups_grant_less(
    quota: str, given: str | None, threads: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    if given is not None:
        environment["OPENBLAS_NUM_THREADS"] = given
    command = [sys.executable, "-c", LIMITED, quota]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout == f"{threads}\n"

"""How many processors this process may use, by its control groups and its affinity instead of the whole machine's."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


_sharers = 1


def take_share(cpus: Collection[int], sharers: int) -> None:
    """Takes this process's share of the processors. Must be called before libraries that start threads are imported.

    cpus: the processors on which it runs from now on; none for those that it has. sharers: how many processes share
    the time that the control groups grant.
    """
    global _sharers
    _sharers = sharers
    if cpus and hasattr(os, "sched_setaffinity"):
        with suppress(OSError):  # one of them was taken away in the meantime
            os.sched_setaffinity(0, cpus)
    for looked_up in available_cpus, schedulable_cpus:
        looked_up.cache_clear()


@cache
def available_cpus() -> int:
    """Returns the number of processors that this process may use, at least 1.

    It is the number that the process's affinity names, or less if a control group (`docker run --cpus`, the CPU limit
    of a Kubernetes container) grants less time. A share of a processor counts as a whole one. Looked up once.
    """
    granted = math.ceil(cpu_quota() / _sharers)
    return max(1, min(schedulable_cpus(), granted)) if granted else schedulable_cpus()


def engine_threads() -> int:
    """Returns the threads that an engine must be limited to, or 0 where its own choice fits.

    Engines look at the affinity, but not at the time that the control groups grant.
    """
    return available_cpus() if available_cpus() < schedulable_cpus() else 0


def limit_libraries() -> None:
    """Limits the threads of numpy's linear algebra to the time that the control groups grant.

    It looks at the affinity only, once, when it is imported. So this has to be called before.
    """
    threads = engine_threads()
    if threads:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", str(threads))


@cache
def schedulable_cpus() -> int:
    """Returns the number of processors on which the system may run this process. Looked up once."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota(membership: Path = _MEMBERSHIP, cgroups: Path = _CGROUPS) -> float:
    """Returns the processors' time that the control groups grant, in processors, such as 1.5; 0.0 for no limit.

    The lowest limit of the process's groups and their parents counts, in both versions of control groups. `membership`
    is the file that names the groups, and `cgroups` is where they are mounted.
    """
    quotas = []
    for group, first_version in _groups(membership, cgroups):
        with suppress(OSError, ValueError, ZeroDivisionError, IndexError):  # the file of a version that is not mounted
            quotas.append(_quota_1(group) if first_version else _quota_2(group))
    return min((quota for quota in quotas if quota > 0), default=0.0)


def _quota_1(group: Path) -> float:
    quota, period = (int((group / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
    return quota / period  # -1 for no limit


def _quota_2(group: Path) -> float:
    quota, period = (group / "cpu.max").read_text().split()
    return 0.0 if quota == "max" else int(quota) / int(period)


def _groups(membership: Path, cgroups: Path) -> Iterator[tuple[Path, bool]]:
    """Yields the process's groups and their parents, each with whether it is of the first version."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        lines = []
    # In a container, the path may be the host's and not exist here. The root is then the container's own group.
    for line in [*lines, "0::/", "0:cpu:/"]:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        for root in (cgroups / "cpu", cgroups / "cpu,cpuacct") if controllers else (cgroups,):
            own = root / path.lstrip("/")
            yield from ((group, bool(controllers)) for group in (own, *own.parents) if group.is_relative_to(root))

"""How much memory a process may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lightship.memory import available_memory

SHOWN = "from lightship.memory import available_memory; print(available_memory())"
LIMIT = 1 << 30


def test_it_is_at_most_what_the_machine_has() -> None:
    assert 0 < available_memory() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_a_limit_of_a_group_below_the_root_counts() -> None:
    """As a service of systemd has it, or a container without a namespace of its own for groups."""
    second = Path("/sys/fs/cgroup/memory.max").exists() or Path("/sys/fs/cgroup/cgroup.controllers").exists()
    root, name = (Path("/sys/fs/cgroup"), "memory.max")
    if not second:
        root, name = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
    group = root / f"lightship-test-{os.getpid()}"
    try:
        (group / "inner").mkdir(parents=True)
        (group / name).write_text(str(LIMIT))
        code = f"import os; open('{group / 'inner' / 'cgroup.procs'}', 'w').write(str(os.getpid())); {SHOWN}"
        shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert int(shown.stdout) == LIMIT
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    finally:
        for folder in (group / "inner", group):
            if folder.exists():
                folder.rmdir()

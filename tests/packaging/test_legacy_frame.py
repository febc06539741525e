"""`classes.pickle` of every pandas is read, and a hostile one runs nothing."""

from __future__ import annotations

import os
import pickle
import struct
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.packaging.conftest import DATA, PETS

from lightship.errors import InvalidArgument, LightshipError, NotFound, TooLarge
from lightship.packaging.legacy_frame import read_classes_pickle


@pytest.mark.parametrize("path", sorted(DATA.glob("*.pickle")), ids=lambda path: path.stem)
def test_what_older_pandas_wrote_is_read(path: Path) -> None:
    assert read_classes_pickle(path) == tuple(PETS)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"classes": PETS}),
        pd.DataFrame({"classes": PETS}, dtype=object),
        pd.DataFrame(PETS, columns=["classes"], index=[5, 3, 4]),
        pd.DataFrame({"n": [1, 2, 3], "classes": PETS, "f": [0.1, 0.2, 0.3], "more": ["x", "y", "z"]}),
        pd.DataFrame({"a": ["x", "y", "z"], "b": ["x", "y", "z"], "classes": PETS}, dtype=object),
    ],
)
def test_what_this_pandas_writes_is_read(tmp_path: Path, frame: pd.DataFrame, protocol: int) -> None:
    (tmp_path / "classes.pickle").write_bytes(pickle.dumps(frame, protocol))
    assert read_classes_pickle(tmp_path / "classes.pickle") == tuple(PETS)


@pytest.mark.parametrize("protocol", [2, 4])
def test_the_frames_of_pandas_before_1_3_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    (tmp_path / "classes.pickle").write_bytes(pickle.dumps(old_frame(monkeypatch), protocol))
    assert read_classes_pickle(tmp_path / "classes.pickle") == tuple(PETS)


def old_frame(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A frame in pieces, as pandas 0.25 to 1.2 pickle it: the manager's state holds everything twice."""

    def named(module: str, name: str, **attributes: Any) -> Any:
        home = sys.modules[module] if getattr(sys.modules.get(module), "fake", False) else ModuleType(module)
        home.fake = True  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module, home)
        made = type(name, (), {"__module__": module, **attributes})
        setattr(home, name, made)
        return made

    named("pandas", "Nothing")
    index, ranged = named("pandas.core.indexes.base", "Index"), named("pandas.core.indexes.range", "RangeIndex")
    new_index = named("pandas.core.indexes.base", "_new_Index", __init__=lambda self, *arguments: None)
    holder = named(
        "holder", "Reduced", __init__=lambda self, how: setattr(self, "how", how), __reduce__=lambda self: self.how
    )
    columns = holder((new_index, (index, {"data": np.array(["n", "classes"], object), "name": None})))
    rows = holder((new_index, (ranged, {"name": None, "start": 0, "stop": 3, "step": 1})))
    values, numbers = np.array([PETS], object), np.array([[1, 2, 3]])
    blocks = [{"values": numbers, "mgr_locs": slice(0, 1, 1)}, {"values": values, "mgr_locs": np.array([1])}]
    manager = named("pandas.core.internals.managers", "BlockManager", __init__=lambda self, *arguments: None)
    extra = {"0.14.1": {"axes": [columns, rows], "blocks": blocks}}
    kept = holder((manager, (), ([columns, rows], [numbers, values], [columns, columns], extra)))
    frame = named("pandas.core.frame", "DataFrame")()
    frame.__dict__.update(_data=kept, _typ="dataframe", _metadata=[])
    return frame


class Runs:
    """Pickles to a call."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.reduced = call, arguments

    def __reduce__(self) -> Any:
        return self.reduced


def hostile(owned: Path) -> dict[str, bytes]:
    """Pickles that make the file `owned` where a loader runs them."""
    command = f"touch {owned}"
    frame = pd.DataFrame({"classes": PETS}, dtype=object)
    frame.attrs["x"] = Runs(os.system, command)
    inner = np.empty(1, object)
    inner[0] = Runs(os.system, command)
    return {
        "system": pickle.dumps(Runs(os.system, command)),
        "eval": pickle.dumps(Runs(eval, f"open({str(owned)!r}, 'w')")),
        "old": f"cposix\nsystem\n(S'{command}'\ntR.".encode(),
        "getattr": b"\x80\x04cbuiltins\ngetattr\n(cos\nsystem\nX\x01\x00\x00\x00xtR.",
        "dotted": b"\x80\x04\x8c\x06pandas\x8c\x12DataFrame.__init__\x93.",
        "in_a_frame": pickle.dumps(frame),
        "in_an_array": pickle.dumps(inner),
        "numpy": b"\x80\x02cnumpy.f2py\nevil\n)R.",
        "numpy_load": b"\x80\x02cnumpy\nload\nX\x01\x00\x00\x00x\x85R.",
        "pandas_eval": b"\x80\x02cpandas\neval\nX\x01\x00\x00\x00x\x85R.",
        "pandas_read": b"\x80\x02cpandas\nread_pickle\nX\x01\x00\x00\x00x\x85R.",
        "codecs": b"\x80\x02c_codecs\ndecode\n)R.",
        "persistent": b"\x80\x02X\x01\x00\x00\x00xQ.",
        "extension": b"\x80\x02\x82\x01.",
        "inst": f"(S'{command}'\nios\nsystem\n.".encode(),
        "obj": b"\x80\x02(cos\nsystem\nX\x01\x00\x00\x00xo.",
    }


@pytest.mark.parametrize("name", hostile(Path("x")))
def test_a_hostile_pickle_runs_nothing_and_says_what_it_asked_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "classes.pickle").write_bytes(hostile(tmp_path / "owned")[name])
    with pytest.raises(InvalidArgument, match=r"(?s)classes\.pickle.*classes=THAT_FILE"):
        read_classes_pickle(tmp_path / "classes.pickle")
    assert not (tmp_path / "owned").exists()


def test_the_name_that_was_asked_for_is_reported(tmp_path: Path) -> None:
    (tmp_path / "classes.pickle").write_bytes(pickle.dumps(Runs(eval, "1")))
    with pytest.raises(InvalidArgument, match=r"uses builtins\.eval"):
        read_classes_pickle(tmp_path / "classes.pickle")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        pickle.dumps(pd.DataFrame({"classes": PETS}))[:-20],
        pickle.dumps(PETS),
        pickle.dumps(pd.DataFrame({"names": PETS})),
        pickle.dumps(pd.DataFrame({"classes": [1, 2, 3]})),
        pickle.dumps(pd.DataFrame({"classes": ["cat", None]}, dtype=object)),
        pickle.dumps(pd.DataFrame({"classes": ["cat", "cat"]})),
        pickle.dumps(pd.DataFrame({"classes": []}, dtype=object)),
        b"\x80\x02cpandas\nDataFrame\n)\x81}b.",
        b"\x80\x02cpandas\nDataFrame\n}b.",
        b"\x80\x02cpandas\nDataFrame\n)\x81}X\x04\x00\x00\x00_mgrh\x00sb.",
    ],
)
def test_anything_but_a_frame_of_labels_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "classes.pickle").write_bytes(data)
    with pytest.raises(InvalidArgument):
        read_classes_pickle(tmp_path / "classes.pickle")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04]r" + struct.pack("<I", 2**31) + b".",
        b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b".",
        b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b".",
        b"\x80\x04(" + b"}" * 3_000_000 + b"l.",
        b"\x80\x04" + b"x" * 5_000_000,
        b"\x80\x04]q\x00" + b"(" + b"h\x00" * 10 + b"e.",
    ],
)
def test_memory_stays_in_proportion(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "classes.pickle").write_bytes(data)
    tracemalloc.start()
    with pytest.raises((InvalidArgument, TooLarge)):
        read_classes_pickle(tmp_path / "classes.pickle")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


def test_what_would_be_endless_when_printed_is_not_printed(tmp_path: Path) -> None:
    doubled = b"\x80\x04]" + b"".join(b"\x94](h" + bytes([i]) + b"h" + bytes([i]) + b"e" for i in range(60)) + b"."
    (tmp_path / "classes.pickle").write_bytes(doubled)
    with pytest.raises(LightshipError, match="contains list, not a DataFrame"):
        read_classes_pickle(tmp_path / "classes.pickle")


def test_a_pickle_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"classes\.pickle"):
        read_classes_pickle(tmp_path / "classes.pickle")

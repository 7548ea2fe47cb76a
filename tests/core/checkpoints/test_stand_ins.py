"""A file with classes of other packages is read without running, importing or changing anything."""

from __future__ import annotations

import builtins
import collections
import functools
import io
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.components.tiny import TinyModel
from helpers.damage import flipped, outcomes, spread, truncated, zeroed
from helpers.files.foreign_weights import LAYOUTS, HyperParameters, Loads, write
from torch import nn

from gait_plugins.core.checkpoints.files import load_checkpoint
from gait_plugins.core.checkpoints.stand_ins import Unread, Unreadable, Unsafe, read_with_stand_ins
from gait_plugins.errors import CheckpointError

DTYPES = (
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64),
    *(torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool),
)


class Calls:
    """A pickle that would call something."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.asked = function, arguments

    def __reduce__(self) -> Any:
        return self.asked


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


@pytest.mark.parametrize("legacy", [False, True])
def test_tensors_are_those_that_torch_reads(tmp_path: Path, legacy: bool):
    torch.manual_seed(0)
    base = torch.randn(4, 6)
    content = {
        **{str(dtype): (torch.randn(3, 2) * 5).to(dtype) for dtype in DTYPES},
        "turned": base.t(),
        "a view": base[1:3, ::2],
        "its neighbour": base[3],
        "a scalar": torch.tensor(3.0),
        "empty": torch.empty(0, 3),
        "a parameter": nn.Parameter(torch.ones(2)),
        "spread": torch.ones(1).expand(5),
    }
    path = write(tmp_path / "a.pt", content, legacy=legacy)
    found = read_with_stand_ins(path)
    assert found.classes == ()
    assert same(found.content, torch.load(path, weights_only=True))
    assert found.content["a view"].data_ptr() == found.content["turned"].data_ptr() + 6 * 4


@pytest.mark.parametrize("legacy", [False, True])
def test_plain_data_comes_back_and_foreign_objects_by_name(tmp_path: Path, legacy: bool):
    cyclic: list[Any] = [1]
    cyclic.append(cyclic)
    content = {
        "plain": [1, (2.5, "x"), None, True, b"b"],
        "ordered": collections.OrderedDict(a=1),
        "default": collections.defaultdict(list, b=[2]),
        "size": torch.Size([2, 3]),
        "settings": HyperParameters(lr=0.1),
        "object": Loads(),
        "a class": Loads,
        "number": np.float64(2),
        "cyclic": cyclic,
    }
    found = read_with_stand_ins(write(tmp_path / "a.pt", content, legacy=legacy))
    assert (
        found.content["plain"] == [1, (2.5, "x"), None, True, b"b"]
        or found.content["plain"][:4] == content["plain"][:4]
    )
    assert [found.content[k] for k in ("ordered", "default", "size", "settings")] == [
        {"a": 1},
        {"b": [2]},
        (2, 3),
        {"lr": 0.1},
    ]
    named = Unread("helpers.files.foreign_weights.Loads")
    assert found.content["object"] == found.content["a class"] == named
    assert isinstance(found.content["number"], Unread)
    assert found.content["cyclic"][1] is found.content["cyclic"]
    assert {name.rpartition(".")[2] for name in found.classes} >= {"Loads", "HyperParameters", "scalar"}
    assert Loads.made == 0


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_whole_module_gives_its_weights(tmp_path: Path, legacy: bool, protocol: int):
    model = nn.Sequential(TinyModel(), nn.BatchNorm1d(3))
    model.register_buffer("passing", torch.ones(1), persistent=False)
    torch.save(model, tmp_path / "a.pt", pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    assert same(read_with_stand_ins(tmp_path / "a.pt").content, dict(model.state_dict()))
    assert list(load_checkpoint(tmp_path / "a.pt")["model"]) == list(model.state_dict())


def test_no_module_is_imported(tmp_path: Path):
    (tmp_path / "boobytrap.py").write_text("raise SystemExit('imported')\nclass Mine: pass\n")
    path = tmp_path / "a.pt"
    write(path, {"w": torch.ones(1), "args": HyperParameters(a=1)})
    renamed = _with_pickle(
        path, lambda p: p.replace(b"helpers.files.foreign_weights", b"boobytrap"), tmp_path
    )
    sys.path.insert(0, str(tmp_path))
    try:
        found = read_with_stand_ins(renamed)
    finally:
        sys.path.remove(str(tmp_path))
    assert found.classes == ("boobytrap.HyperParameters",)
    assert "boobytrap" not in sys.modules


def _with_pickle(path: Path, change: Callable[[bytes], bytes], folder: Path) -> Path:
    """A copy of a file of ``torch.save`` with another pickle in it."""
    target = folder / "changed.pt"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            copy.writestr(name, change(content) if name.endswith("data.pkl") else content)
    return target


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.system, ("touch WAS_HERE",), "system"),
        (builtins.eval, ("open('WAS_HERE', 'w')",), "eval"),
        (builtins.exec, ("open('WAS_HERE', 'w')",), "exec"),
        (builtins.open, ("WAS_HERE", "w"), "open"),
        (os.mkdir, ("WAS_HERE",), "mkdir"),
        (pickle.loads, (b"N.",), "loads"),
        (io.FileIO, ("WAS_HERE", "w"), "FileIO"),
    ],
)
def test_what_runs_code_is_refused_though_the_weights_are_there(
    function: Callable[..., Any],
    arguments: tuple,
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "a.pt", {"state_dict": {"w": torch.ones(1)}, "x": Calls(function, *arguments)})
    with pytest.raises(Unsafe, match=named):
        read_with_stand_ins(path)
    with pytest.raises(CheckpointError, match=rf"imports \S*{named}, which may run code"):
        load_checkpoint(path)
    assert not (tmp_path / "WAS_HERE").exists()


def test_foreign_functions_are_not_called(tmp_path: Path):
    called: list[int] = []
    part = functools.partial(print, "called")
    content = {"state_dict": {"w": torch.ones(1)}, "x": Calls(Loads), "y": part, "z": getattr}
    assert list(load_checkpoint(write(tmp_path / "a.pt", content))["model"]) == ["w"]
    assert called == []


def raw(tmp_path: Path, pickled: bytes) -> Path:
    return _with_pickle(write(tmp_path / "s.pt", {"w": torch.ones(2)}), lambda _: pickled, tmp_path)


@pytest.mark.parametrize(
    "pickled",
    [
        b"ctorch\nfloat32\n(dVitemsize\nI1\nsb.",  # sets an attribute of a name
        b"ctorch.nn\nLinear\n}(Va\nI1\nub.",
        b"ctorch\nFloatStorage\n\x8c\x01aQ.",  # a reference of no kind
        b"(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI99\ntQ.",
        b"(Vstorage\nctorch\nNoStorage\nV0\nVcpu\nI2\ntQ.",
        b"ctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI2\ntQI0\n(I9\nt(I1\ntI00\n}tR.",
        b"ctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI2\ntQI-1\n(I1\nt(I1\ntI00\n}tR.",
        b"ctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\nFloatStorage\nV7\nVcpu\nI2\ntQI0\n(I1\nt(I1\ntI00\n}tR.",
        b"ctorch._utils\n_rebuild_tensor_v2\n(I0\nI0\n(I1\nt(I1\ntI00\n}tR.",
        b"N",
        b"",
    ],
)
def test_pickles_made_by_hand_do_no_harm(tmp_path: Path, pickled: bytes):
    path = raw(tmp_path, pickled)
    try:
        content = read_with_stand_ins(path).content
    except Unreadable:
        pass
    else:
        assert not isinstance(content, torch.Tensor)
    with pytest.raises(CheckpointError):
        load_checkpoint(path)
    assert torch.float32.itemsize == 4
    assert not hasattr(nn.Linear, "a")


@pytest.mark.parametrize("layout", ["lightning", "numpy figures"])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_damaged_file_is_an_error_in_words(layout: str, legacy: bool, tmp_path: Path):
    path = write(tmp_path / "a.pt", LAYOUTS[layout](TinyModel().state_dict()), legacy=legacy)
    content = path.read_bytes()
    for damages in (flipped(content, spread(content, 60)), list(zeroed(content))[::9], truncated(content)):
        found = outcomes(path, damages, load_checkpoint, CheckpointError)
        assert legacy or found["silent"] == 0  # old files have no checksum
        assert found["told"]

"""Files that hold no weights as PyTorch saves them are called by their kind, with a way out."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torch.distributed.checkpoint as dcp
from onnx import TensorProto, helper
from torch import nn
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.core.checkpoints.files import load_checkpoint
from gait_plugins.errors import CheckpointError


def onnx_file(path: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [result])
    onnx.save(helper.make_model(graph, producer_name="pytorch"), path)


def script(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:  # as torch.jit.save lays it out
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py", "version"):
            archive.writestr(f"a/{name}", b"x")


def tar(path: Path) -> None:
    (path.parent / "x").write_text("x")
    with tarfile.open(path, "w") as archive:
        archive.add(path.parent / "x", "x")


def keras(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"x")


def docs(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/a.pt", "x")


def begins(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


KINDS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "script.pt": (script, "a TorchScript archive", "torch.jit.load("),
    "model.onnx": (onnx_file, "an ONNX model", "exported from"),
    "model.pt": (onnx_file, "an ONNX model", "exported from"),
    "arrays.npz": (lambda p: np.savez(p, a=np.ones(2), b=np.ones(1)), "2 arrays: a, b", "torch.save"),
    "array.npy": (lambda p: np.save(p, np.ones(2)), "a numpy array", "torch.save"),
    "weights.h5": (begins(b"\x89HDF\r\n\x1a\n" + bytes(99)), "an HDF5 file", "torch.save"),
    "model.keras": (keras, "a model of Keras", "torch.save"),
    "model.tflite": (begins(b"\x1c\0\0\0TFL3" + bytes(99)), "a TensorFlow Lite model", "torch.save"),
    "a.gguf": (begins(b"GGUF" + bytes(99)), "a GGUF file", "torch.save"),
    "a.pth.gz": (begins(b"\x1f\x8b\x08" + bytes(99)), "packed by gzip", "gunzip"),
    "a.tar": (tar, "a tar archive", "tar xf"),
    "a.zip": (docs, "a zip archive of 1 files: weights/a.pt", "unpack it first"),
    "lfs.pt": (
        begins(b"version https://git-lfs.github.com/spec/v1\n"),
        "a pointer of Git LFS",
        "git lfs pull",
    ),
    "page.pt": (begins(b"\n<!DOCTYPE html><html>"), "a web page", "in a browser"),
    "model.safetensors.index.json": (begins(b'{"weight_map": {}}'), "the index of weights", "join the files"),
    "a.pkl": (begins(b"\x80\x04N."), "a pickle that torch.save has not written", "by torch.save"),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_error_names_the_kind_and_a_way_out(name: str, tmp_path: Path):
    make, title, hint = KINDS[name]
    path = tmp_path / name
    make(path)
    with pytest.raises(CheckpointError, match=f"{name}: the file is ") as caught:
        load_checkpoint(path)
    assert title in str(caught.value)
    assert hint in (caught.value.hint or "")
    result = CliRunner().invoke(app, ["checkpoint", "show", str(path)])
    assert result.exit_code == 2


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")  # torch's own, of scripting
def test_the_ways_out_of_programs_work(tmp_path: Path):
    model = nn.Sequential(nn.Linear(3, 2))
    torch.jit.save(torch.jit.script(model), tmp_path / "s.pt")
    torch.export.save(torch.export.export(model, (torch.zeros(1, 3),)), tmp_path / "e.pt2")
    for name, title in (("s.pt", "a TorchScript archive"), ("e.pt2", "an exported program")):
        with pytest.raises(CheckpointError, match=title):
            load_checkpoint(tmp_path / name)
    torch.save(torch.jit.load(tmp_path / "s.pt").state_dict(), tmp_path / "a.pt")
    torch.save(torch.export.load(tmp_path / "e.pt2").state_dict, tmp_path / "b.pt")
    for name in ("a.pt", "b.pt"):
        assert torch.equal(load_checkpoint(tmp_path / name)["model"]["0.weight"], model[0].weight)


@pytest.mark.filterwarnings("ignore")  # torch's own, of one process
def test_a_distributed_checkpoint_is_made_one_file_as_the_error_says(tmp_path: Path):
    weights = {"w": torch.arange(6.0)}
    dcp.save({"model": weights}, checkpoint_id=str(tmp_path / "dcp"))
    with pytest.raises(CheckpointError, match=r"this is a distributed checkpoint") as caught:
        load_checkpoint(tmp_path / "dcp")
    assert f"format_utils dcp_to_torch {tmp_path / 'dcp'} WEIGHTS.pt" in (caught.value.hint or "")
    dcp_to_torch_save(str(tmp_path / "dcp"), str(tmp_path / "w.pt"))  # what that command calls
    assert torch.equal(load_checkpoint(tmp_path / "w.pt")["model"]["w"], weights["w"])


def test_a_folder_names_the_weights_in_it(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="this is a folder") as caught:
        load_checkpoint(tmp_path)
    assert caught.value.hint == "the folder holds model.safetensors"

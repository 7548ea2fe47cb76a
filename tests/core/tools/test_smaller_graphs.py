"""Smaller ONNX graphs: half the weights or integers, written where the embeddings stay, refused where not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.config import build, load_config
from gait_plugins.core.checkpoints.files import Checkpoint
from gait_plugins.core.tools import onnx_precision
from gait_plugins.core.tools.onnx_precision import Accuracy, measured, require_accurate
from gait_plugins.core.tools.onnx_sample import Sample, samples
from gait_plugins.errors import ConfigError, DataError

CONFIG = "walkers/gaitbase"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights whose batch norms do not change what comes in: drawn, not trained."""
    torch.manual_seed(0)
    model = load_config(CONFIG).model_cfg.build()
    model.init_parameters()
    found: Checkpoint = model.state_dict()
    path = tmp_path_factory.mktemp("weights") / "drawn.pt"
    torch.save(found, path)
    return path


def export(*words: str | Path, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["export", CONFIG, *map(str, words)])
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.heavy
def test_half_the_weights_are_half_the_file(weights: Path, tmp_path: Path):
    whole = json.loads(export("--checkpoint", weights, "-O", tmp_path / "a.onnx", "--json"))
    half = json.loads(
        export("--checkpoint", weights, "-O", tmp_path / "b.onnx", "--precision", "float16", "--json")
    )
    assert half["size"] < 0.6 * whole["size"]
    assert half["accuracy"]["sequences"] == 32
    assert 0 < half["accuracy"]["shift"] < 0.01
    assert {each["frames"] for each in half["compared"]} == {7, 12, 29, 64}
    assert max(each["difference"] for each in half["compared"]) < 1e-2
    assert whole["latency"]["frames"] == 30
    assert whole["latency"]["onnx"] > 0
    graph = onnx.load(str(tmp_path / "b.onnx"))
    onnx.checker.check_model(graph)
    said = {prop.key: prop.value for prop in graph.metadata_props}
    assert said["precision"] == "float16"
    assert "shift" in said


@pytest.mark.heavy
def test_integers_are_written_with_their_figures_or_refused(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(onnx_precision.SHIFTS, "int8", 0.9)
    told = export("--checkpoint", weights, "-O", tmp_path / "c.onnx", "--precision", "int8")
    assert "the embeddings of 32 sequences move by" in told
    assert "nearest other sequence of the same person:" in told
    assert "on one thread, median of five: onnxruntime" in told
    kinds = {node.op_type for node in onnx.load(str(tmp_path / "c.onnx")).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    monkeypatch.setitem(onnx_precision.SHIFTS, "int8", 0.001)
    told = export("--checkpoint", weights, "-O", tmp_path / "d.onnx", "--precision", "int8", code=2)
    assert "a graph of int8 does not give what the model gives: it moves the embeddings by" in told
    assert "are accepted" in told
    assert "--precision float16 or float32" in told
    assert not (tmp_path / "d.onnx").exists()


@pytest.mark.heavy
def test_a_size_that_the_checkpoint_contradicts_is_refused(tiny: Any, tiny_yaml: Path, tmp_path: Path):
    import gait_plugins

    trained = gait_plugins.train(tiny_yaml, device="cpu")
    words = [
        "export",
        str(tiny_yaml),
        "--checkpoint",
        str(trained.checkpoint),
        "-O",
        str(tmp_path / "m.onnx"),
    ]
    done = CliRunner().invoke(app, [*words, "--size", "128x88"])
    assert done.exit_code == 2
    assert "the weights were trained on" in done.output
    assert "asked to take 128x88" in done.output
    assert "leave out --size" in done.output


def test_models_without_weights_cannot_be_smaller(tmp_path: Path):
    done = CliRunner().invoke(
        app, ["export", "walkers/gei", "-O", str(tmp_path / "m.onnx"), "--precision", "float16"]
    )
    assert done.exit_code == 2
    assert "the graph has no weights that could be smaller" in done.output


def test_figures_are_what_they_are_called():
    rng = np.random.default_rng(0)
    people = np.repeat(rng.normal(size=(6, 8, 2)), 3, 0)
    wanted = (people + 0.01 * rng.normal(size=people.shape)).astype(np.float32)
    labels = tuple(str(n // 3) for n in range(18))
    same = measured(wanted, wanted, labels, "euc")
    assert same == Accuracy(18, 0.0, (18, 18))
    mixed = measured(wanted, np.roll(wanted, 3, 0), ("",) * 18, "euc")
    assert mixed.rank_1 is None
    assert 0.8 < mixed.shift < 1.3
    require_accurate("int8", same, "model")
    require_accurate("int8", Accuracy(18, 0.1, (18, 17)), "model")
    with pytest.raises(ConfigError, match="finds the person of 16 of 18 sequences, and the graph of float32"):
        require_accurate("int8", Accuracy(18, 0.1, (18, 16)), "model")
    with pytest.raises(ConfigError, match=r"by 2\.0% of the distance .* 1% are accepted"):
        require_accurate("float16", Accuracy(18, 0.02, (18, 18)), "model")
    with pytest.raises(ConfigError, match=r"by nan% of"):
        require_accurate("float16", Accuracy(18, float("nan"), None), "model")


def test_samples_are_what_the_model_takes():
    config = load_config(CONFIG)
    model = config.model_cfg.build()
    walks = {
        "type": "walkers",
        "train": 1,
        "test": 2,
        "nm": 1,
        "bg": 1,
        "cl": 0,
        "views": ["090"],
        "frames": 9,
    }
    tested, calibrating = samples(config, model, build("dataset", walks))
    assert len(tested.frames) == 4
    assert len(calibrating.frames) == 2
    assert tested.frames[0][0].shape == (9, 64, 44)
    assert tested.frames[0][0].max() == 255
    (clips,) = tested.clips(6, 20)
    assert clips.shape == (6, 20, 64, 44)
    assert np.array_equal(clips[0, :9], clips[0, 9:18])
    assert [len(each) for (each,) in tested.of_frames(30).frames] == [30] * 4
    with pytest.raises(DataError, match="there are 0 sequences to measure the graph on, expected 2 or more"):
        samples(config, model, build("dataset", {**walks, "test": 0}))
    assert tested.of_frames(None) is tested
    assert isinstance(tested, Sample)

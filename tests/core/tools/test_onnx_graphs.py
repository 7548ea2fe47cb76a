"""ONNX graphs: every model gives the same as its graph, with any number of frames, or says so."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from helpers.components.tiny import TinyModel
from torch import nn
from typer.testing import CliRunner

import gait_plugins
from gait_plugins.api import SILHOUETTES, GaitBatch, GaitModel, ModelOutput
from gait_plugins.cli import app
from gait_plugins.core.tools.onnx_export import export_onnx
from gait_plugins.core.tools.onnx_graph import EmbeddingGraph, Input, example, session_of, write_graph
from gait_plugins.errors import ConfigError
from gait_plugins.nn.inference import fused
from gait_plugins.registry.components import Component
from gait_plugins.testing.streams import SIZES, taken_by

FIXED = {"SwinGait", "SwinGait_Residual"}
"""Their windows over time are laid out for a number of frames: they are exported for one."""
PROBES = ("DGait", "RAGAR", "Scoliosis1K")
NEVER = {
    "CrossSpectralNet": "looks at the conditions or views",
    **{f"FoundationGait_Scaling_LinearProbing_{name}": "looks at the conditions or views" for name in PROBES},
    "GaitEdge": "cannot be traced",
    "BigGait": "cannot be traced",
    "BigGaitMask": "cannot be traced",
    "BiggerGait": "cannot be traced",
    "DenoisingGait": "does not do what the model does",
    "LidarGaitPlusPlus": "does not do what the model does",
    "Segmentation": "does not do what the model does",
}
"""Models that are refused, and by which words."""
QUICK = {"Baseline", "GaitSet", "GaitPart", "GaitGL", "OEM", "TrackletGait_s", "GEI"}


def models() -> list[Any]:
    return [
        pytest.param(c, id=c.name, marks=() if c.name in QUICK else pytest.mark.heavy)
        for c in gait_plugins.components("model")
        if c.owner.is_built_in
    ]


def made(component: Component) -> tuple[GaitModel, list[Input]]:
    """A small instance as if it were trained, and what it takes."""
    torch.manual_seed(0)
    cls: Any = component.load()
    model: GaitModel = gait_plugins.build("model", {"model": component.qualified, **cls.example_config()})
    model.init_parameters()
    with torch.no_grad():
        for norm in model.modules():
            if (
                isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)
                and norm.running_mean is not None
            ):
                norm.running_mean.normal_(0, 0.1)
                norm.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    inputs = []
    for stream in taken_by(model, (64, 44)):
        shape = tuple(
            SIZES.get(axis, 8) if isinstance(axis, str) else int(axis or 8) for axis in stream.shape
        )
        pictures = model.streams is None
        inputs.append(Input("silhouettes" if pictures else stream.name, shape, 255.0 if pictures else 1.0))
    return model, inputs


@pytest.mark.parametrize("component", models())
def test_every_model_gives_the_same_as_its_graph(component: Component, tmp_path: Path) -> None:
    model, inputs = made(component)
    if component.name in NEVER:
        with pytest.raises(ConfigError, match=NEVER[component.name]):
            write_graph(model, inputs, tmp_path / "m.onnx")
        return
    fixed = 12 if component.name in FIXED else None
    any_number, compared = write_graph(model, inputs, tmp_path / "m.onnx", fixed)
    assert any_number is (fixed is None)
    assert {each.frames for each in compared} == ({12} if fixed else {7, 12, 29, 64})
    assert max(each.difference for each in compared) <= 1e-4


def test_a_fused_copy_is_compared_with_the_model_itself(tmp_path: Path) -> None:
    (component,) = (c for c in gait_plugins.components("model") if c.name == "TrackletGait_s")
    model, inputs = made(component)
    batch = EmbeddingGraph(model.eval(), inputs).batch(*example(inputs, 2, 12))
    copy = fused(model, batch).model
    _, compared = write_graph(model, inputs, tmp_path / "m.onnx", copy=copy)
    assert max(each.difference for each in compared) <= 1e-4
    nodes = {node.op_type for node in onnx.load(str(tmp_path / "m.onnx")).graph.node}
    assert "BatchNormalization" not in nodes
    with torch.no_grad():
        next(copy.parameters()).mul_(1.1)
    with pytest.raises(ConfigError, match="does not do what the model does"):
        write_graph(model, inputs, tmp_path / "m.onnx", copy=copy)


def test_the_page_names_the_models_that_are_refused() -> None:
    page = (Path(__file__).parents[3] / "docs" / "export.md").read_text(encoding="utf-8")
    told = page.partition("but for these, which are refused in words:")[2].partition("\n\n")[0]
    probes = {name for name in NEVER if "LinearProbing" in name}
    assert "FoundationGait's probes" in told
    assert [name for name in NEVER if name not in probes and f"`{name}`" not in told] == []


def test_a_graph_that_onnxruntime_does_not_take_is_told_without_the_folder(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"no graph")
    graph = EmbeddingGraph(TinyModel(), [Input("silhouettes", (8, 8), 255.0)])
    with pytest.raises(ConfigError, match="onnxruntime does not take the graph") as told:
        session_of(tmp_path / "m.onnx", graph)
    assert str(tmp_path) not in str(told.value)


class First(TinyModel):
    """Ignores what lies beyond the example's number of frames when it is traced."""

    def forward(self, batch: GaitBatch) -> ModelOutput:
        frames = batch.inputs[0]
        kept = frames[:, : int(frames.shape[1])]
        mean = kept.sum(1) / float(frames.shape[1])
        return {
            "training_feat": {},
            "visual_summary": {},
            "inference_feat": {"embeddings": mean.flatten(1)[:, :4, None]},
        }


def test_a_graph_that_ignores_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not do what the model does") as told:
        write_graph(First(), [Input("silhouettes", (8, 8), 255.0)], tmp_path / "m.onnx")
    assert "--frames N" in str(told.value)


def test_a_model_that_takes_no_tracing_is_told(tmp_path: Path) -> None:
    class Torn(TinyModel):
        def forward(self, batch: GaitBatch) -> ModelOutput:
            raise RuntimeError("torn\nsecond line")

    with pytest.raises(ConfigError, match="cannot be traced: torn"):
        write_graph(Torn(), [Input("silhouettes", (8, 8), 255.0)], tmp_path / "m.onnx")


def test_weights_that_do_not_say_what_the_streams_are_are_refused(tmp_path: Path) -> None:
    class Transforms(list[Any]):
        streams = None

    embedder: Any = SimpleNamespace(
        trained_on=None,
        model=SimpleNamespace(streams=(SILHOUETTES, SILHOUETTES.changed(name="maps")), frame_channels=None),
        config=SimpleNamespace(
            evaluator_cfg=SimpleNamespace(transform=Transforms()), model_cfg=SimpleNamespace(name="Two")
        ),
    )
    with pytest.raises(
        ConfigError, match=r"(?s)does not say what .* are: silhouettes, maps.*of gait-plugins"
    ):
        export_onnx(embedder, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_the_command_writes_a_graph_that_says_what_it_is(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", "walkers/gei", "--out", str(tmp_path / "m.onnx")])
    assert result.exit_code == 0, result.output
    assert "takes silhouettes float32 [n, s, 64, 44] in 0..255" in result.output
    graph = onnx.load(str(tmp_path / "m.onnx"))
    onnx.checker.check_model(graph)
    said = {prop.key: prop.value for prop in graph.metadata_props}
    assert said["model"].endswith("/GEI")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("silhouettes", ["n", "s", 64, 44])]


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "m.pt"], "expected a file that ends in .onnx"),
        (["--out", "m.onnx", "--size", "64"], "expected HxW"),
        (["--out", "m.onnx", "--checkpoint", "none.pt"], "there is no such checkpoint"),
        (["--out", "m.onnx"], "there is no such checkpoint"),
        (["--out", "m.onnx", "--precision", "int4"], "expected one of float32, float16, int8"),
        (["--out", "m.onnx", "--data", "x.pkl"], "--data is for a smaller graph"),
        (["--out", "/proc/m.onnx"], "the file cannot be written there"),
        (["--out", "folder.onnx"], "it is a folder"),
        (["--out", "tiny.yaml/m.onnx"], "the file cannot be written there"),
        ([], "it is not said what is written"),
    ],
)
def test_bad_input_is_told(
    tiny_yaml: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_yaml.with_name("folder.onnx").mkdir()
    monkeypatch.chdir(tiny_yaml.parent)
    result = CliRunner().invoke(app, ["export", str(tiny_yaml), *words])
    assert result.exit_code == 2
    assert said in result.output

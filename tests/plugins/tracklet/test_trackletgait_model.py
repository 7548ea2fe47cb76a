"""TrackletGait on batches, packs, odd sizes, other strides and wavelets, half precision and ONNX."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from helpers.golden_rules import packed_sil, sil
from torch import Tensor, nn

import gait_plugins
from gait_plugins.api import GaitBatch
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.tracklet.model import TrackletGait

NARROW: dict[str, Any] = {
    "SeparateBNNecks": {"class_num": 5},
    "widths": [8, 16, 16],
    "strides": [[1, 1, 1], [1, 2, 2], [1, 2, 2]],
    "temporal": [False, True, True],
    "strips": 4,
    "embedding_channels": 8,
    "stem_channels": 4,
}


def build(**options: Any) -> TrackletGait:
    torch.manual_seed(0)
    model = gait_plugins.build("model", {"model": "TrackletGait", **NARROW, **options})
    assert isinstance(model, TrackletGait)
    with torch.no_grad():  # as if trained, so that evaluation normalises by something
        for norm in (module for module in model.modules() if isinstance(module, nn.BatchNorm2d)):
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 1.5)
    return model.eval()


def embed(model: TrackletGait, frames: Tensor, seq_lens: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        return model.embed(frames, seq_lens)


VARIANTS: dict[str, dict[str, Any]] = {
    "published strides": {},
    "halves frames too": {"strides": [[1, 1, 1], [2, 2, 2], [1, 2, 2]]},
    "halves frames alone": {"strides": [[2, 1, 1], [1, 2, 2], [2, 2, 2]]},
    "db2": {"wavelet": "db2", "strides": [[1, 1, 1], [2, 2, 2], [1, 2, 2]]},
    "bior1.3": {"wavelet": "bior1.3"},
    "deeper": {"depths": [1, 2, 3]},
    "short kernel": {"temporal_kernel": 3, "temporal_groups": 1},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_packed_batch_equals_its_sequences_one_by_one(variant: str) -> None:
    model = build(**VARIANTS[variant])
    lengths = (6, 1, 4)
    packed, seq_lens = packed_sil(lengths, 64, 44)
    together = embed(model, packed, seq_lens)
    alone = torch.cat([embed(model, part) for part in torch.split(packed, lengths, 1)])
    assert together.shape == (3, 8, 4)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    assert (alone[0] - alone[1]).abs().max() > 1e-3


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [(64, 44), (63, 44), (62, 41)])
def test_odd_sizes_and_lengths_train(variant: str, size: tuple[int, int]) -> None:
    model = build(**VARIANTS[variant], **({} if size == (64, 44) else {"strips": 1})).train()
    model.check_input_size(*size)
    batch = GaitBatch([sil(2, 5, *size)], torch.tensor([0, 3]), ["nm-01"] * 2, ["090"] * 2, None)
    output = model(batch)
    logits = output["training_feat"]["softmax"]["logits"]
    assert logits.shape[:2] == (2, 5)
    logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_the_output_is_opengaits_contract() -> None:
    model = build()
    output = model(([sil(2, 5, 64, 44)], torch.tensor([1, 4]), ["nm-01"] * 2, ["090"] * 2, None))
    embeddings = output["inference_feat"]["embeddings"]
    assert embeddings.shape == (2, 8, 4)
    triplet = output["training_feat"]["triplet"]
    assert triplet["embeddings"] is embeddings
    assert triplet["labels"].tolist() == [1, 4]
    assert output["training_feat"]["softmax"]["logits"].shape == (2, 5, 4)
    shown = output["visual_summary"]["image/sils"]
    assert shown.shape == (8, 1, 64, 44)
    assert not shown.requires_grad


def test_frames_with_several_channels() -> None:
    model = build(in_channels=3)
    grey = sil(2, 4, 64, 44)
    assert embed(model, grey.unsqueeze(2).expand(-1, -1, 3, -1, -1)).shape == (2, 8, 4)


def test_sizes_that_do_not_divide_are_named() -> None:
    model = build(strips=16)
    model.check_input_size(64, 44)
    model.check_input_size(64, 64)
    model.check_input_size(128, 88)
    with pytest.raises(ConfigError, match=r"60x44[\s\S]*15x11[\s\S]*16 strips"):
        model.check_input_size(60, 44)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"strides": [[1, 1, 1]]}, "strides has 1 items, but there are 3 widths"),
        ({"depths": [1]}, "depths"),
        ({"stage_numbers": [1, 1, 2]}, "stage_numbers"),
        ({"strides": [[1, 1, 1], [2, 2], [1, 1, 1]]}, r"\[2, 2\]"),
        ({"strides": [[1, 1, 1], [1, 3, 3], [1, 1, 1]]}, r"\[1, 3, 3\]"),
        ({"widths": [8, 18, 16]}, "temporal_groups"),
        ({"temporal_kernel": 4}, "temporal_kernel"),
        ({"wavelet": "harr"}, "haar"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        TrackletGait(**{**NARROW, **options})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights(dtype: torch.dtype) -> None:
    model = build()
    full = embed(model, sil(2, 5, 64, 44))
    half = embed(model.to(dtype), sil(2, 5, 64, 44).to(dtype))
    assert half.dtype == dtype
    assert (half.float() - full).abs().max() < 0.1 * full.abs().max()


def test_bfloat16_autocast_trains() -> None:
    model = build().train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        embeddings = model.embed(sil(2, 5, 64, 44))
    embeddings.float().square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


class Embedder(nn.Module):
    """What is exported: silhouettes in, embeddings out."""

    def __init__(self, model: TrackletGait) -> None:
        super().__init__()
        self.model = model

    def forward(self, silhouettes: Tensor) -> Tensor:
        return self.model.embed(silhouettes)


@pytest.mark.parametrize("variant", ["published strides", "halves frames too", "bior1.3"])
def test_onnx_with_any_number_of_sequences_and_frames(variant: str, tmp_path: Path) -> None:
    model = build(**VARIANTS[variant])
    path = tmp_path / "model.onnx"
    with warnings.catch_warnings():
        # The exporter that needs no further package announces its retirement, says that checked sizes
        # become fixed, and what it does not fold.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        torch.onnx.export(
            Embedder(model).eval(),
            (sil(2, 4, 64, 44),),
            str(path),
            dynamo=False,
            input_names=["silhouettes"],
            output_names=["embeddings"],
            dynamic_axes={"silhouettes": {0: "n", 1: "s"}, "embeddings": {0: "n"}},
        )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for sequences, frames in ((2, 4), (1, 7), (3, 2)):
        silhouettes = sil(sequences, frames, 64, 44)
        (found,) = session.run(None, {"silhouettes": silhouettes.numpy()})
        np.testing.assert_allclose(found, embed(model, silhouettes), atol=1e-4, rtol=1e-3)

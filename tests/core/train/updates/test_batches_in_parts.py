"""Batches that go through the model in parts: what equals the whole batch, and what is refused."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.components.tiny import TinyModel
from helpers.components.tiny_training import equal, final, run, trained
from torch import Tensor

from gait_plugins import ConfigError, GaitBatch, ModelOutput, RaggedTensor
from gait_plugins.core.checkpoints.files import checkpoint_path
from gait_plugins.core.data.host_batch import HostBatch
from gait_plugins.core.train.updates import accumulation
from gait_plugins.core.train.updates.parts import in_parts

pytestmark = pytest.mark.usefixtures("tiny")

STILL = ("model_cfg.dropout=0.0", "trainer_cfg.fix_BN=true", "optimizer_cfg={solver: SGD, lr: 0.1}")
"""A model whose output for a sequence depends on no other one, and no draw."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


def far(a: dict, b: dict) -> float:
    """The largest difference between the weights of two checkpoints, those of losses too."""
    pairs = [(a[part][key], b[part][key]) for part in ("model", "losses") for key in a[part]]
    return max(float((x.double() - y.double()).abs().max()) for x, y in pairs)


@pytest.mark.parametrize("frames", [4, "null"], ids=["stacked", "packed"])
@pytest.mark.parametrize("parts", [2, 3, 8])
def test_steps_in_parts_are_those_of_the_whole_batch(tiny_yaml: Path, folder: Path, parts: int, frames: Any):
    """Two losses at once, one of which compares all sequences and has a weight of its own."""
    settings = (*STILL, f"trainer_cfg.sampler.frames={frames}")
    run(tiny_yaml, *settings, "trainer_cfg.total_iter=1", "optimizer_cfg.lr=0.0")
    begun = final(folder, 1)
    run(tiny_yaml, *settings, overwrite=True)
    whole = final(folder)
    run(tiny_yaml, *settings, f"trainer_cfg.accumulate={parts}", overwrite=True)
    assert far(final(folder), whole) < 1e-6 < 1e-3 < far(whole, begun)
    assert final(folder)["losses"]["contrast.scale"] != 1


def test_the_figures_are_those_of_the_whole_batch(tiny_yaml: Path, folder: Path):
    log = folder / "log.jsonl"
    run(tiny_yaml, *STILL, "trainer_cfg.total_iter=1")
    whole = [line for line in log.read_text().splitlines() if '"step"' in line]
    run(tiny_yaml, *STILL, "trainer_cfg.total_iter=1", "trainer_cfg.accumulate=4", overwrite=True)
    inside = [line for line in log.read_text().splitlines() if '"step"' in line]
    pairs = [
        text.partition('"scalar/contrast/pairs":')[2].partition(",")[0] for text in (whole[0], inside[0])
    ]
    assert pairs[0] == pairs[1] != ""


def test_16_bits_train_in_parts(tiny_yaml: Path, folder: Path):
    settings = (*STILL, "trainer_cfg.precision=bf16-mixed", "optimizer_cfg.lr=0.01")
    run(tiny_yaml, *settings)
    whole = final(folder)
    run(tiny_yaml, *settings, "trainer_cfg.accumulate=4", overwrite=True)
    assert far(final(folder), whole) < 2e-3


def test_batch_norm_sees_each_part_alone_and_counts_it_once(tiny_yaml: Path, folder: Path):
    settings = ("model_cfg.dropout=0.0",)
    run(tiny_yaml, *settings)
    whole = final(folder)
    run(tiny_yaml, *settings, "trainer_cfg.accumulate=4", overwrite=True)
    inside = final(folder)
    assert int(inside["model"]["norm.num_batches_tracked"]) == 4 * int(
        whole["model"]["norm.num_batches_tracked"]
    )
    assert far(inside, whole) > 1e-3  # as the page says


def test_a_resumed_run_in_parts_ends_as_the_one_never_interrupted(tiny_yaml: Path, folder: Path):
    settings = (
        "trainer_cfg.accumulate=3",
        "trainer_cfg.clip_grad_norm=0.5",
        "trainer_cfg.ema={decay: 0.9}",
        "scheduler_cfg.warmup={steps: 5}",
    )
    run(tiny_yaml, *settings)
    whole = final(folder)
    for step in (4, 6):
        checkpoint_path(folder, "tiny", step).unlink()
    run(tiny_yaml, *settings, "data_cfg.num_workers=2", resume=True)
    keys = ("last_step", "ema")
    assert equal(trained(final(folder)), trained(whole))
    assert equal([final(folder)[key] for key in keys], [whole[key] for key in keys])


# --- the second pass -----------------------------------------------------------------------------


def watched(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The embeddings of every forward pass of a training."""
    seen: list[Tensor] = []
    forward = TinyModel.forward

    def noted(self: TinyModel, batch: GaitBatch) -> ModelOutput:
        output = forward(self, batch)
        seen.append(output["inference_feat"]["embeddings"].detach().clone())
        return output

    monkeypatch.setattr(TinyModel, "forward", noted)
    return seen


def test_dropout_draws_the_same_in_both_passes_and_another_in_each_part(
    tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = watched(monkeypatch)
    settings = ("model_cfg.dropout=0.5", "trainer_cfg.fix_BN=true", "data_cfg.walks=1")
    run(tiny_yaml, *settings, "trainer_cfg.total_iter=1", "trainer_cfg.accumulate=2")
    first, second = seen[:2], seen[2:]
    assert equal(first, second)
    drawn = []
    for part in (1, 2):
        accumulation.seed_step(0, 1, 0, part)
        drawn.append(torch.rand(3))
    assert not torch.equal(*drawn)


def test_gradients_through_dropout_are_those_of_the_parts_with_their_graphs(
    tiny_yaml: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """What a machine with room for all graphs would compute, with the same draws."""
    settings = ("model_cfg.dropout=0.5", "optimizer_cfg={solver: SGD, lr: 0.1}", "trainer_cfg.accumulate=2")
    run(tiny_yaml, *settings, "trainer_cfg.total_iter=1")
    replayed = final(folder, 1)

    def all_graphs(self: Any, batch: HostBatch, divide: Any, step: int) -> Any:
        self._divide, self._step, self._parts = divide, step, in_parts(batch, self._count)
        seen = [self._raw.features(self._given(number))[0] for number in range(self._count)]
        loss, figures = self._raw.score(accumulation.joined(seen), "cpu")
        self._whole = loss
        return loss, figures, {}

    monkeypatch.setattr(accumulation.Accumulation, "forward", all_graphs)
    monkeypatch.setattr(
        accumulation.Accumulation, "backward", lambda self: self._fabric.backward(self._whole)
    )
    run(tiny_yaml, *settings, "trainer_cfg.total_iter=1", overwrite=True)
    assert far(replayed, final(folder, 1)) < 1e-6


def test_the_memory_of_graphs_is_that_of_a_part(tiny_yaml: Path):
    def peak(*settings: str) -> int:
        live, most = 0, 0

        def packed(x: Tensor) -> Any:
            nonlocal live, most
            held = x.untyped_storage().nbytes()
            live += held
            most = max(most, live)
            kept = Kept(x.detach())  # with its graph, it would hold itself
            weakref.finalize(kept, gone, held)
            return kept

        def gone(held: int) -> None:
            nonlocal live
            live -= held

        with torch.autograd.graph.saved_tensors_hooks(packed, lambda kept: kept.x):
            run(tiny_yaml, *STILL, *settings, "trainer_cfg.total_iter=2", overwrite=True)
        return most

    assert peak("trainer_cfg.accumulate=4") < 0.3 * peak()


class Kept:
    """A saved tensor whose end can be noticed."""

    def __init__(self, x: Tensor) -> None:
        self.x = x


# --- refused -------------------------------------------------------------------------------------


def changed(monkeypatch: pytest.MonkeyPatch, change: Callable[[ModelOutput], None]) -> None:
    forward = TinyModel.forward

    def other(self: TinyModel, batch: GaitBatch) -> ModelOutput:
        output = forward(self, batch)
        change(output)
        return output

    monkeypatch.setattr(TinyModel, "forward", other)


def halved(output: ModelOutput) -> None:
    features = output["training_feat"]["contrast"]
    features["embeddings"] = features["embeddings"][::2]
    features["labels"] = features["labels"][::2]


def summed(output: ModelOutput) -> None:
    output["training_feat"]["own"] = output["training_feat"]["softmax"]["logits"].square().mean()


@pytest.mark.parametrize("change", [halved, summed])
def test_a_model_that_sees_the_batch_as_a_whole_is_refused(
    tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[ModelOutput], None]
):
    changed(monkeypatch, change)
    run(tiny_yaml, "trainer_cfg.total_iter=1")
    with pytest.raises(ConfigError, match="one row for each sequence") as told:
        run(tiny_yaml, "trainer_cfg.accumulate=2", overwrite=True)
    assert told.value.where == "trainer_cfg.accumulate"


def test_a_model_that_draws_numbers_of_its_own_is_refused(tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch):
    numbers = count(1)

    def noisy(output: ModelOutput) -> None:
        features = output["training_feat"]["softmax"]
        features["logits"] = features["logits"] * next(numbers)

    changed(monkeypatch, noisy)
    with pytest.raises(ConfigError, match="gives other features when the same sequences come a second time"):
        run(tiny_yaml, "trainer_cfg.accumulate=2")


def test_more_parts_than_sequences_are_refused(tiny_yaml: Path):
    with pytest.raises(ConfigError, match="a batch of 8 sequences of a process cannot be taken in 9 parts"):
        run(tiny_yaml, "trainer_cfg.accumulate=9")


# --- parts ---------------------------------------------------------------------------------------


def test_parts_hold_the_frames_of_their_sequences():
    lens = torch.tensor([[2, 3, 1, 4]], dtype=torch.int32)
    points = torch.tensor([[1, 1, 2, 1]], dtype=torch.int32)
    frames = torch.repeat_interleave(torch.arange(4), lens[0])[None, :, None, None]
    owners = torch.repeat_interleave(torch.arange(4), points[0])
    sizes = torch.tensor([3, 0, 2, 1, 4])
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)])
    rows = torch.repeat_interleave(owners, sizes)[:, None]
    batch = HostBatch(
        number=0,
        positions=[7, 8, 9, 10],
        frames=[frames, RaggedTensor(rows, offsets)],
        labels=torch.arange(4),
        types=list("abcd"),
        views=list("efgh"),
        names=list("ijkl"),
        seq_lens=lens,
        targets={"share": torch.arange(4.0)},
        streams=("silhouettes", "points"),
        lens={"points": points},
    )
    first, second, third = in_parts(batch, 3)
    assert [part.positions for part in (first, second, third)] == [[7], [8], [9, 10]]
    for part in (first, second, third):
        silhouettes, ragged = part.frames
        assert isinstance(ragged, RaggedTensor)
        assert (
            silhouettes[0, :, 0, 0].tolist()
            == torch.repeat_interleave(part.labels, part.seq_lens[0]).tolist()
        )
        assert set(ragged.values[:, 0].tolist()) <= set(part.labels.tolist())
        assert len(ragged.offsets) == int(part.lens["points"].sum()) + 1
        assert int(ragged.offsets[-1]) == len(ragged.values)
        assert part.targets["share"].tolist() == part.labels.tolist()
    assert third.names == ["k", "l"]
    assert third.frames[1].offsets.tolist() == [0, 2, 3, 7]

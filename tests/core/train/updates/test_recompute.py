"""Parts that are recomputed in the backward pass: the same training, bit for bit, with less kept."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.components.tiny_training import equal, final, run, trained
from torch import Tensor, nn

import gait_plugins
from gait_plugins import ConfigError
from gait_plugins.core.train import state
from gait_plugins.core.train.recompute import Recomputed, named_parts
from gait_plugins.nn import FrameWise


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


def block(channels: int) -> nn.Sequential:
    layers = nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.3)
    return nn.Sequential(*layers)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(block(1), block(4))


def worked(model: nn.Module) -> dict[str, Tensor]:
    """Gradients and buffers after two calls and one backward pass."""
    torch.manual_seed(1)
    frames = torch.randn(3, 1, 8, 8)
    (model(frames).square().mean() + model(2 * frames).mean()).backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {**gradients, **dict(model.named_buffers())}


def kept(model: nn.Module) -> int:
    """Numbers that the graph of a call holds."""
    sizes: dict[int, int] = {}

    def note(value: Tensor) -> Tensor:
        sizes[value.data_ptr()] = value.numel()
        return value

    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        model(torch.randn(3, 1, 32, 32))
    return sum(sizes.values())


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("more", [(), ("trainer_cfg.accumulate=2",)], ids=["whole", "in parts"])
def test_a_training_ends_with_the_same_weights(tiny_yaml: Path, folder: Path, more: tuple[str, ...]) -> None:
    run(tiny_yaml, *more)
    plain = trained(final(folder))
    run(tiny_yaml, *more, "trainer_cfg.recompute=[conv, norm, drop]", overwrite=True)
    assert equal(trained(final(folder)), plain)


@pytest.mark.parametrize("names", [["0", "1"], ["*"], ["0.1", "1.3", "1.?"]])
def test_gradients_draws_and_statistics_are_the_same(names: list[str]) -> None:
    plain, other = network(), network()
    Recomputed(other, ["0", "1"])
    found = worked(other)
    assert equal(found, worked(plain))
    assert int(other.get_buffer("0.1.num_batches_tracked")) == 2


def test_less_is_kept() -> None:
    plain, other = network(), network()
    Recomputed(other, ["?"])
    assert kept(other) < 0.5 * kept(plain)


def test_a_copy_of_a_model_works_for_itself() -> None:
    model = network()
    Recomputed(model, ["?"])
    other = copy.deepcopy(model)
    before = copy.deepcopy(dict(model.named_buffers()))
    worked(other)
    assert equal(dict(model.named_buffers()), before)
    assert all(p.grad is None for p in model.parameters())


def test_the_outermost_of_the_named_parts_counts() -> None:
    assert list(named_parts(network(), ["1*", "0.1"])) == ["1", "0.1"]


def test_a_part_that_changes_its_input_is_refused() -> None:
    model = network()
    Recomputed(model, ["0.2"])
    with pytest.raises(ConfigError, match=r"0\.2 changes its input in place"):
        model(torch.randn(1, 1, 8, 8))


def test_a_part_that_is_not_called_is_told() -> None:
    model = network()
    recomputed = Recomputed(model, ["*"])
    model[0](torch.randn(1, 1, 8, 8))
    with pytest.raises(ConfigError, match=r"1 was not called as a whole") as told:
        recomputed.require_called()
    assert "1.*" in str(told.value.hint)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("names", ["[]", "auto"])
def test_freed_memory_is_returned_where_parts_are_recomputed(
    tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(state, "return_freed_memory", lambda: told.append(True))
    run(tiny_yaml, f"trainer_cfg.recompute={names}")
    assert told == ([True] if names == "auto" else [])


@pytest.mark.usefixtures("tiny")
def test_a_misspelt_part_is_told_before_anything_is_written(tiny_yaml: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no part 'covn'\n  -> did you mean 'conv'\?"):
        run(tiny_yaml, "trainer_cfg.recompute=[covn]")
    assert not folder.exists()


@pytest.fixture
def trackletgait() -> nn.Module:
    options = {
        "widths": [6, 8, 8],
        "strides": [[1, 1, 1], [1, 2, 2], [1, 1, 1]],
        "temporal": [False, True, True],
    }
    heads = {"SeparateBNNecks": {"class_num": 3}, "stem_channels": 4, "embedding_channels": 6}
    torch.manual_seed(0)
    model: nn.Module = gait_plugins.build("model", {"model": "TrackletGait", **heads, **options})
    return model


def steps(model: nn.Module, names: Any, precision: torch.dtype | None) -> tuple[dict[str, Tensor], int]:
    """Gradients and buffers after two steps, and the numbers that the graph of the second holds."""
    recomputed, sizes = Recomputed(model, names), {}

    def note(value: Tensor) -> Tensor:
        sizes[value.data_ptr()] = value.numel()
        return value

    torch.manual_seed(1)
    for _ in range(2):
        sizes.clear()
        batch = [torch.rand(2, 4, 64, 44)], torch.tensor([0, 1]), None, None, None
        held = torch.autograd.graph.saved_tensors_hooks(note, lambda value: value)
        with held, torch.autocast("cpu", precision, enabled=precision is not None):
            features = model(batch)["training_feat"]
        loss = features["triplet"]["embeddings"].float().square().mean()
        (loss + features["softmax"]["logits"].float().square().mean()).backward()
        recomputed.require_called()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {**gradients, **dict(model.named_buffers())}, sum(sizes.values())


@pytest.mark.parametrize("precision", [None, torch.bfloat16], ids=["32-true", "bf16"])
def test_all_blocks_but_the_last_are_recomputed(
    trackletgait: nn.Module, precision: torch.dtype | None
) -> None:
    plain, all_of_it = steps(copy.deepcopy(trackletgait), [], precision)
    assert list(named_parts(trackletgait, "auto")) == ["layer1.0", "layer2.0"]
    found, less = steps(trackletgait, "auto", precision)
    assert equal(found, plain)
    assert less < 0.6 * all_of_it


def test_a_block_that_was_chosen_and_is_not_called_is_no_fault() -> None:
    model = nn.Sequential(nn.Bilinear(1, 1, 1), *(FrameWise(block(4).extend(block(4))) for _ in range(3)))
    recomputed = Recomputed(model, "auto")
    model[1](torch.randn(1, 4, 2, 8, 8))
    recomputed.require_called()

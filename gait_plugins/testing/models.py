"""Contract checks of models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput, RaggedTensor, Stream
from gait_plugins.errors import GaitPluginsError
from gait_plugins.nn.inference import fused, norms, with_weights_in
from gait_plugins.testing.expect import expect, maker, near
from gait_plugins.testing.streams import batch_of, example_clips, taken_by

LENGTHS = (5, 3, 4)
SHORT = (1, 4, 2)
CLASSES = 4


def check_model(make: GaitModel | Callable[[], GaitModel], frame_shape: tuple[int, ...] = (64, 44)) -> None:
    """Embeddings, packed batches, gradients and state of a model, of whatever streams.

    Args:
        make: makes it, small and on the CPU: the class, or any function without arguments; an instance is
            taken too.
        frame_shape: ``[h, w]`` or ``[c, h, w]`` of one frame, for a model that declares no streams.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    torch.manual_seed(0)
    new = maker(make, GaitModel)
    model = new()
    model.init_parameters()
    if model.streams is None:
        channels = frame_shape[0] if len(frame_shape) == 3 else 1
        said = model.frame_channels
        expect(
            said in (None, channels),
            f"frame_channels is {said}, but the frames of the check have {channels} channels",
        )
        model.check_input_size(*frame_shape[-2:])
    streams = taken_by(model, frame_shape)
    _check_training(model.train(), _batch(model, streams))
    model.eval()
    _check_embeddings(model, _batch(model, streams))
    _check_packs(model, streams, LENGTHS)
    _check_packs(model, streams, tuple(n for n in SHORT if _takes(model, streams, n)))
    _check_state(model, new().eval(), _batch(model, streams))


@torch.no_grad()
def check_fused(
    make: GaitModel | Callable[[], GaitModel],
    frame_shape: tuple[int, ...] = (64, 44),
    *,
    folded: int | None = None,
    tolerance: float = 1e-2,
) -> None:
    """The fused copy of a model, which ``--fast`` computes by: it embeds as the model does.

    In float32 no value differs by more than 1e-4 of the largest; in bfloat16 no distance between two
    embeddings by more than ``tolerance`` of the longest embedding. The model stays as it was.

    Args:
        make: as in :func:`check_model`. Its batch norms are given statistics, as training gives them.
        frame_shape: as in :func:`check_model`.
        folded: how many batch norms have to be folded into other layers; None: any number.
        tolerance: of bfloat16; 1 for a model that is not meant for it.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    torch.manual_seed(0)
    model = maker(make, GaitModel)()
    model.init_parameters()
    for norm in norms(model.eval()).values():
        torch.nn.init.normal_(norm.running_mean, std=0.2)  # type: ignore[arg-type]
        torch.nn.init.uniform_(norm.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    streams = taken_by(model, frame_shape)
    batch = _packed(model, streams, LENGTHS)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    try:
        made = fused(model, batch)
    except ValueError as error:
        raise AssertionError(f"no fused copy can be made of the model: {error}") from error
    kept = all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    expect(kept and list(model.state_dict()) == list(state), "making the fused copy changes the model")
    others = [batch, _packed(model, streams, LENGTHS[:1]), _batch(model, streams)]
    for each in others:
        expect(
            near(_embeddings(made.model(each)), _embeddings(model(each))),
            "the fused copy gives other embeddings than the model",
        )
    expect(folded in (None, made.folded), f"{made.folded} batch norms are folded, expected {folded}")
    with torch.autocast("cpu", torch.bfloat16):
        half = with_weights_in(torch.bfloat16, made.model, batch)
        rounded = _embeddings(half(batch)).float()
    _check_distances(rounded, _embeddings(model(batch)), tolerance)


def _packed(model: GaitModel, streams: tuple[Stream, ...], lengths: tuple[int, ...]) -> GaitBatch:
    rng = np.random.default_rng(int(torch.randint(1 << 30, ())))
    return batch_of(model, streams, example_clips(streams, lengths, rng), packed=True)


def _check_distances(found: Tensor, wanted: Tensor, tolerance: float) -> None:
    expect(bool(found.isfinite().all()), "the embeddings of the fused copy are not finite in bfloat16")
    here, there = (torch.cdist(each.flatten(1), each.flatten(1)) for each in (found, wanted.float()))
    share = float((here - there).abs().max() / wanted.float().flatten(1).norm(dim=1).max().clamp(min=1e-12))
    expect(
        share <= tolerance,
        f"in bfloat16 a distance between two embeddings differs by {share:.1e} of the longest embedding, "
        f"{tolerance:.1e} is allowed",
    )


def _batch(model: GaitModel, streams: tuple[Stream, ...], rows: int = 4, frames: int = 4) -> GaitBatch:
    rng = np.random.default_rng(int(torch.randint(1 << 30, ())))
    return batch_of(model, streams, example_clips(streams, [frames] * rows, rng), packed=False)


def _embeddings(output: ModelOutput) -> Tensor:
    return output["inference_feat"]["embeddings"]


def _check_training(model: GaitModel, batch: GaitBatch) -> None:
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    features = model(batch)["training_feat"]
    expect(bool(features) or not trained, "training_feat is empty, but there are parameters to train")
    if not trained:
        return
    parts = [t for t in _tensors(features) if t.requires_grad]
    expect(bool(parts), "no training feature depends on a parameter")
    weighted = [(t.float() * torch.rand_like(t.float())).sum() for t in parts]
    torch.autograd.backward(weighted)
    lost = [name for name, p in trained.items() if p.grad is None]
    expect(not lost, f"no training feature depends on {lost}")
    wild = [name for name, p in trained.items() if p.grad is not None and not p.grad.isfinite().all()]
    expect(not wild, f"the gradient of {wild} is not finite")
    model.zero_grad(set_to_none=True)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)


@torch.no_grad()
def _check_embeddings(model: GaitModel, batch: GaitBatch) -> None:
    given = [each.clone() for each in batch.inputs]
    state = {key: value.clone() for key, value in model.state_dict().items()}
    output = model(batch)
    embeddings = _embeddings(output)
    expect(embeddings.is_floating_point(), f"embeddings have dtype {embeddings.dtype}, expected floats")
    expect(
        embeddings.dim() == 3 and len(embeddings) == len(batch.labels),
        f"embeddings have shape {tuple(embeddings.shape)}, expected [n, c, p] with n = {len(batch.labels)}",
    )
    expect(bool(embeddings.isfinite().all()), "embeddings are not finite")
    kept = all(_same(before, after) for before, after in zip(given, batch.inputs, strict=True))
    expect(kept, "forward changes its input")
    expect(
        torch.equal(embeddings, _embeddings(model(batch))),
        "embedding the same batch twice gives different results",
    )
    kept = all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    expect(kept, "forward in eval mode changes the state")
    for name, image in output.get("visual_summary", {}).items():
        expect(
            image.dim() == 4,
            f"visual_summary[{name!r}] has shape {tuple(image.shape)}, expected [k, c, h, w]",
        )


def _same(before: Tensor | RaggedTensor, after: Tensor | RaggedTensor) -> bool:
    if isinstance(before, RaggedTensor) and isinstance(after, RaggedTensor):
        return torch.equal(before.values, after.values) and torch.equal(before.offsets, after.offsets)
    return isinstance(before, Tensor) and isinstance(after, Tensor) and torch.equal(before, after)


@torch.no_grad()
def _takes(model: GaitModel, streams: tuple[Stream, ...], frames: int) -> bool:
    """True unless the model refuses a sequence of this number of frames by a ``GaitPluginsError``."""
    try:
        model(_batch(model, streams, rows=1, frames=frames))
    except GaitPluginsError:
        return False
    except Exception as error:
        raise AssertionError(
            f"a sequence of {frames} frames is neither embedded nor refused by a GaitPluginsError: {error}"
        ) from error
    return True


@torch.no_grad()
def _check_packs(model: GaitModel, streams: tuple[Stream, ...], lengths: tuple[int, ...]) -> None:
    rng = np.random.default_rng(int(torch.randint(1 << 30, ())))
    clips = example_clips(streams, lengths, rng)
    together = _embeddings(model(batch_of(model, streams, clips, packed=True)))
    apart = torch.cat([_embeddings(model(batch_of(model, streams, [c], packed=False))) for c in clips])
    expect(
        near(together, apart),
        f"a packed batch of {lengths} frames is not embedded as its sequences one by one",
    )
    equal = example_clips(streams, [min(lengths, default=1)] * len(lengths), rng)
    together = _embeddings(model(batch_of(model, streams, equal, packed=False)))
    rows = [_embeddings(model(batch_of(model, streams, [clip], packed=False))) for clip in equal]
    expect(near(together, torch.cat(rows)), "a stacked batch is not embedded as its sequences one by one")


@torch.no_grad()
def _check_state(model: GaitModel, other: GaitModel, batch: GaitBatch) -> None:
    state = model.state_dict()
    expect(list(state) == list(other.state_dict()), "two instances have different state-dict keys")
    other.load_state_dict(state)
    same = torch.equal(_embeddings(model(batch)), _embeddings(other(batch)))
    expect(same, "an instance that loads the state of another one gives different embeddings")

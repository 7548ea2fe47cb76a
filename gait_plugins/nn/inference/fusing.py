"""The fused copy of a model: it embeds as the model does, and cannot be trained."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from gait_plugins.api import GaitBatch, GaitModel
from gait_plugins.nn.inference.folding import LAYERS, Pair, fold, likely_pairs, norms, scramble
from gait_plugins.nn.inference.narrow import TwoColumns, channels_last, is_narrow
from gait_plugins.nn.inference.sample import few_frames

CLOSE = 1e-4
"""Largest difference of what float32 gives before and after, relative to the largest value."""
ROUNDED = 0.1
"""As much for 16-bit floats."""


class Fused(NamedTuple):
    """A fused copy of a model."""

    model: GaitModel
    """In eval mode; its weights need no gradients."""
    folded: int
    """Batch norms that went into the layers before them."""
    norms: int
    """Batch norms of the model that have statistics."""


@torch.no_grad()
def fused(model: GaitModel, batch: GaitBatch) -> Fused:
    """A copy of a model in eval mode with its batch norms folded into what comes before them.

    Which norm follows which layer is found by running the model, and each fold is proven: on a copy whose
    norms hold other numbers the outputs must stay what they were. What cannot be proven stays as it is, and
    so do norms that the embeddings do not depend on. The model itself is not touched.

    Args:
        model: any, in float32.
        batch: to run it on, real sequences as a test gives them; a few frames are taken.

    Raises:
        ValueError: the model gives the same sequences other outputs the next time, so nothing can be proven.
    """
    with _exact(batch.labels.device):
        return _fused(model, batch)


def _fused(model: GaitModel, batch: GaitBatch) -> Fused:
    plain = copy.deepcopy(model).eval().requires_grad_(False)
    few = _few(plain, batch)
    before = _outputs(plain, few)
    if not _alike(_outputs(copy.deepcopy(model).eval().requires_grad_(False), few), before):
        raise ValueError("it gives the same sequences other embeddings the next time")
    if not norms(plain):
        return Fused(_channels_last(plain, few), 0, 0)
    proven, live = _proven(plain, few)
    folded = copy.deepcopy(plain)
    fold(folded, proven)
    if not _alike(before, _outputs(folded, few)):  # numbers that float32 cannot hold together
        folded, proven = plain, []
    return Fused(_channels_last(folded, few), len(proven), live)


@torch.no_grad()
def with_weights_in(dtype: torch.dtype, model: GaitModel, batch: GaitBatch) -> GaitModel:
    """A model with the weights of its convolutions and linear layers in another format, for autocast to it.

    They need not be cast for each batch then. A model that uses weights of its layers in other ways, and
    cannot compute so, is returned as it is.

    Args:
        dtype: ``bfloat16`` or ``float16``.
        model: for inference alone; it may be changed.
        batch: to try it on, under autocast.
    """
    batch = _few(model, batch)
    wanted = _outputs(model, batch)
    cast = copy.deepcopy(model)
    if batch.labels.device.type == "cpu":
        for name, part in list(cast.named_modules()):
            if is_narrow(part):
                cast.set_submodule(name, TwoColumns(part))
    for part in cast.modules():
        if isinstance(part, (*LAYERS, TwoColumns)):
            part.to(dtype)
    try:
        found = _outputs(cast, batch)
    except Exception:  # whatever the model does with weights of two formats
        return model
    same = [each.dtype for each in found] == [each.dtype for each in wanted]
    return cast if same and _alike(wanted, found, ROUNDED) else model


def _channels_last(model: GaitModel, batch: GaitBatch) -> GaitModel:
    """A copy whose convolutions keep the channels of a pixel together: faster, and without transposes."""
    wanted = _outputs(model, batch)
    laid = copy.deepcopy(model)
    for part in laid.modules():
        if isinstance(part, nn.Conv2d | nn.Conv3d) and not is_parametrized(part):
            part.weight.data = channels_last(part.weight.data)
    try:
        return laid if _alike(wanted, _outputs(laid, batch)) else model
    except RuntimeError:  # the model takes views that only one layout allows
        return model


@contextmanager
def _exact(device: torch.device) -> Iterator[None]:
    """No TensorFloat-32, which torch allows in convolutions: what is proven would drown in its rounding."""
    if device.type != "cuda":
        yield
        return
    products = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(products)


def _few(model: GaitModel, batch: GaitBatch) -> GaitBatch:
    """A few frames of a batch where the model takes so few, else all of them."""
    try:
        few = few_frames(batch)
        model(few)
    except Exception:
        return batch
    return few


def _proven(model: GaitModel, batch: GaitBatch) -> tuple[list[Pair], int]:
    """The pairs that can be folded without changing what comes out, and how many norms it depends on."""
    subject = copy.deepcopy(model)
    scramble(subject)
    guesses = likely_pairs(subject, lambda: subject(batch))
    wanted = _outputs(subject, batch)
    live = _live(subject, batch, wanted)

    def holds(pairs: Sequence[Pair]) -> bool:
        tried = copy.deepcopy(subject)
        fold(tried, pairs)
        try:
            return _alike(wanted, _outputs(tried, batch))
        except Exception:  # whatever a model does with a norm that is no norm
            return False

    return _largest([pair for pair in guesses if pair.norm in live], holds), len(live)


def _largest(pairs: list[Pair], holds: Callable[[Sequence[Pair]], bool]) -> list[Pair]:
    """Those pairs that hold, found by halving: as a rule all of them do."""
    if not pairs or holds(pairs):
        return pairs
    if len(pairs) == 1:
        return []
    half = len(pairs) // 2
    first = _largest(pairs[:half], holds)
    second = _largest(pairs[half:], holds)
    # Two that hold alone may not hold together, as where two norms follow one layer.
    return first + second if holds(first + second) else first


def _live(model: GaitModel, batch: GaitBatch, wanted: Sequence[Tensor]) -> set[str]:
    """The norms that what comes out depends on: of others no fold could be proven."""
    held = norms(model)
    biases = {name: norm.bias for name, norm in held.items() if norm.affine}
    try:
        with torch.enable_grad():
            for bias in biases.values():
                bias.requires_grad_(True)
            found = [_weighted(each) for each in _outputs(model, batch) if each.requires_grad]
            slopes = torch.autograd.grad(torch.stack(found).sum(), [*biases.values()], allow_unused=True)
    except Exception:  # a model that has no gradients: each norm is tried by itself
        return {name for name in held if _matters(model, name, batch, wanted)}
    finally:
        for bias in biases.values():
            bias.requires_grad_(False)
    sloped = {
        name
        for name, slope in zip(biases, slopes, strict=True)
        if slope is not None and slope.abs().max() > 0
    }
    return sloped | {name for name in held.keys() - biases if _matters(model, name, batch, wanted)}


def _weighted(output: Tensor) -> Tensor:
    # Of normalised embeddings the sum of squares would depend on nothing.
    return (output.float() * torch.arange(output.numel()).to(output.device).cos().view(output.shape)).sum()


def _matters(model: GaitModel, norm: str, batch: GaitBatch, wanted: Sequence[Tensor]) -> bool:
    part = model.get_submodule(norm)
    handle = part.register_forward_hook(lambda _part, _given, output: output + 1)
    try:
        return not _alike(wanted, _outputs(model, batch))
    finally:
        handle.remove()


def _outputs(model: GaitModel, batch: GaitBatch) -> list[Tensor]:
    found = model(batch)["inference_feat"]
    return [found[name] for name in sorted(found) if isinstance(found[name], Tensor)]


def _alike(wanted: Sequence[Tensor], found: Sequence[Tensor], tolerance: float = CLOSE) -> bool:
    if [each.shape for each in wanted] != [each.shape for each in found]:
        return False
    for one, other in zip(wanted, found, strict=True):
        reach = float(one.abs().max()) if one.numel() else 0.0
        if not bool(((one - other).abs() <= tolerance * max(reach, 1e-6)).all()):
            return False
    return True

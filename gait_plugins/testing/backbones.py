"""Contract checks of backbones."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gait_plugins.api import FeatureExtractor
from gait_plugins.errors import GaitPluginsError
from gait_plugins.testing.expect import expect, maker, near


def check_backbone(make: nn.Module | Callable[[], nn.Module], frames: Tensor | None = None) -> None:
    """State, gradients and eval mode of a backbone; of a feature extractor with weights, its maps too.

    Args:
        make: makes it: the class, or any function without arguments; an instance is taken too.
        frames: what it is tried on, as its model gives it, ``[m, 1, 64, 44]`` for most; None: only its
            state.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    new = maker(make, nn.Module)
    torch.manual_seed(0)
    backbone, other = new(), new()
    state = {key: value.clone() for key, value in backbone.state_dict().items()}
    expect(list(state) == list(other.state_dict()), "two instances have different state-dict keys")
    other.load_state_dict(state)
    same = all(torch.equal(value, state[key]) for key, value in other.state_dict().items())
    expect(same, "an instance that loads the state of another one has another state")
    if isinstance(backbone, FeatureExtractor):
        _check_features(backbone.eval())
    if frames is not None:
        _check_training(backbone.train(), frames)
        _check_maps(backbone.eval(), frames)


def _check_training(backbone: nn.Module, frames: Tensor) -> None:
    maps = backbone(frames.clone())
    expect(
        isinstance(maps, Tensor) and maps.is_floating_point() and len(maps) == len(frames),
        f"{len(frames)} frames become {_form(maps)}, expected a tensor of floats with as many rows",
    )
    trained = {name: p for name, p in backbone.named_parameters() if p.requires_grad}
    if trained:
        (maps * torch.rand_like(maps)).sum().backward()
    lost = [name for name, p in trained.items() if p.grad is None]
    expect(not lost, f"the maps do not depend on {lost}")
    wild = [name for name, p in trained.items() if p.grad is not None and not p.grad.isfinite().all()]
    expect(not wild, f"the gradient of {wild} is not finite")
    backbone.zero_grad(set_to_none=True)


@torch.no_grad()
def _check_maps(backbone: nn.Module, frames: Tensor) -> None:
    given = frames.clone()
    state = {key: value.clone() for key, value in backbone.state_dict().items()}
    maps = backbone(given)
    expect(torch.equal(given, frames), "forward changes its input")
    expect(bool(maps.isfinite().all()), "the maps are not finite")
    expect(torch.equal(maps, backbone(given)), "the same frames give different maps the second time")
    kept = all(torch.equal(value, state[key]) for key, value in backbone.state_dict().items())
    expect(kept, "forward in eval mode changes the state")


@torch.no_grad()
def _check_features(extractor: FeatureExtractor) -> None:
    """Maps of the layers that are asked for, each picture by itself."""
    try:
        extractor.require_weights()
    except GaitPluginsError:
        return  # there are none to try
    size = (4 * extractor.patch, 2 * extractor.patch)
    pictures, wanted = torch.randn(2, 3, *size), sorted({1, extractor.depth})
    maps, last = extractor.features(pictures, wanted)
    expect(len(maps) == len(wanted), f"{len(maps)} maps are given for the layers {wanted}")
    expected = (2, extractor.channels, 4, 2)
    for each in (*maps, last):
        shape = tuple(each.shape)
        expect(shape == expected, f"a map has the shape {list(shape)}, expected {list(expected)}")
        expect(bool(each.isfinite().all()), "a map is not finite")
    alone = torch.cat([extractor.features(one[None], wanted)[1] for one in pictures])
    expect(near(last, alone), "a picture's features depend on the others of the batch")
    expect(near(last, extractor(pictures)), "forward does not give the map of the whole network")


def _form(maps: object) -> str:
    return f"{maps.dtype} {list(maps.shape)}" if isinstance(maps, Tensor) else type(maps).__name__

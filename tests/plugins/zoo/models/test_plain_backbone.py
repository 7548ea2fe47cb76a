"""Plain reads OpenGait's words, and focal convolutions see nothing beyond their strip."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import gait_plugins
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.blocks.strips import convolve_strips
from gait_plugins.plugins.zoo.models.plain import Plain


def test_words_become_layers_in_order() -> None:
    words = ["BC-4", "BC-6", "M", "FC-8-2", "FC-10-3"]
    net = gait_plugins.build("backbone", {"type": "Plain", "layers_cfg": words, "in_channels": 3})
    shapes = {key: tuple(value.shape) for key, value in net.state_dict().items()}
    assert shapes == {
        "feature.0.conv.weight": (4, 3, 5, 5),
        "feature.2.conv.weight": (6, 4, 3, 3),
        "feature.5.conv.weight": (8, 6, 3, 3),
        "feature.7.conv.weight": (10, 8, 3, 3),
    }
    assert net.out_channels == 10
    assert net(torch.rand(2, 3, 32, 22)).shape == (2, 10, 16, 11)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 21), st.integers(0, 2), st.booleans())
def test_strips_are_convolved_as_images_of_their_own(height: int, halving: int, with_time: bool) -> None:
    torch.manual_seed(height)
    conv: nn.Module
    if with_time:
        conv, x = nn.Conv3d(2, 3, 3, padding=1), torch.randn(2, 2, 4, height, 5)
    else:
        conv, x = nn.Conv2d(2, 3, 3, padding=1), torch.randn(2, 2, height, 5)
    if height < 2**halving:
        with pytest.raises(ConfigError, match=f"{height} rows high does not divide into {2**halving}"):
            convolve_strips(x, conv, halving)
        return
    rows = height // 2**halving
    alone = [conv(x[..., top : top + rows, :]) for top in range(0, height, rows)]
    torch.testing.assert_close(convolve_strips(x, conv, halving), torch.cat(alone, -2))


def test_a_change_of_one_strip_stays_in_it() -> None:
    net = Plain(["FC-4-2", "FC-4-2"])
    frame = torch.rand(1, 1, 16, 11)
    changed = frame.clone()
    changed[..., 4:8, :] += 1
    difference = (net(frame) - net(changed)).abs().amax((0, 1, 3))
    assert (difference[4:8] > 0).all()
    assert not difference[:4].any()
    assert not difference[8:].any()


@pytest.mark.parametrize("word", ["BC", "BC-4-2", "FC-4", "FC-4-x", "C-4", "m", "BC--4", ""])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="layers_cfg holds") as caught:
        Plain(["BC-4", word])
    assert "BC-<channels>" in str(caught.value)


@pytest.mark.parametrize("words", [[], ["M", "BC-4"]])
def test_the_first_layer_is_a_convolution(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="layers_cfg begins with"):
        Plain(words)

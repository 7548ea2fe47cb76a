"""Checks of the numbers that options give, and transforms that act with a probability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gait_plugins.api import WithProbability
from gait_plugins.api.options import number_within, range_within
from gait_plugins.errors import ConfigError


class Inverted(WithProbability):
    """White on black, black on white."""

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return 255 - sequence


def test_what_lies_in_the_range_is_a_float() -> None:
    assert (number_within("Cut", "share", 1, 0, 1), type(number_within("Cut", "share", 1, 0, 1))) == (
        1.0,
        float,
    )
    assert range_within("Cut", "shares", [0, 0.5], 0, 1) == (0.0, 0.5)


@pytest.mark.parametrize("value", [-0.1, 1.1, True, "0.5", None, float("nan")])
def test_another_number_is_refused_with_its_option_and_owner(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"Cut: share of Cut is .*, expected a number from 0 to 1"):
        number_within("Cut", "share", value, 0, 1)


@pytest.mark.parametrize("given", [[0.5], [0.5, 0.1], [-1, 0.5], [0, 2], [0, True], [0, 0.5, 1]])
def test_another_range_is_refused_with_its_option_and_owner(given: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"shares of Cut is \[.*\], expected \[lowest, highest\] within 0 and 1"
    ):
        range_within("Cut", "shares", given, 0, 1)


def test_a_transform_acts_as_often_as_its_probability_says() -> None:
    black, rng = np.zeros((1, 2, 2), np.uint8), np.random.default_rng(0)
    acted = [bool(Inverted(0.3)(black, rng).any()) for _ in range(1000)]
    assert 250 < sum(acted) < 350
    with pytest.raises(ConfigError, match="prob of Inverted is 2"):
        Inverted(2)

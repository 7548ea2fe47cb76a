"""Strips, separate FCs and batch-norm necks give OpenGait's recorded values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.golden_rules import assert_within_noise, golden
from torch import Tensor

from gait_plugins.errors import ConfigError
from gait_plugins.nn import HorizontalPooling, SeparateBNNecks, SeparateFCs

NOISE = 1e-7


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    return golden("modules")


def tensor(recorded: dict[str, np.ndarray], key: str) -> Tensor:
    return torch.from_numpy(recorded[key])


@pytest.mark.parametrize(
    ("key", "strips"), [("16", (16,)), ("16_8_4_2_1", (16, 8, 4, 2, 1)), ("default", None)]
)
def test_strips_pool_as_recorded(recorded: dict[str, np.ndarray], key: str, strips: tuple[int, ...]) -> None:
    pooling = HorizontalPooling(strips) if strips else HorizontalPooling()
    assert_within_noise(pooling(tensor(recorded, "hpp_x")), recorded[f"hpp_{key}"], NOISE)


def test_a_map_that_does_not_divide_into_strips_is_refused() -> None:
    with pytest.raises(ConfigError, match="feature map of 7x5 does not divide into 16 strips"):
        HorizontalPooling([16])(torch.zeros(1, 1, 7, 5))


@pytest.mark.parametrize("norm", [False, True])
def test_separate_fcs_map_as_recorded(recorded: dict[str, np.ndarray], norm: bool) -> None:
    fcs = SeparateFCs(5, 8, 6, norm=norm)
    fcs.load_state_dict({"fc_bin": tensor(recorded, "fcs_fc_bin")})
    assert_within_noise(fcs(tensor(recorded, "fcs_x")), recorded[f"fcs_norm{norm}_y"], NOISE)


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("norm", [False, True])
def test_necks_give_recorded_features_logits_and_statistics(
    recorded: dict[str, np.ndarray], norm: bool, parallel: bool
) -> None:
    necks = SeparateBNNecks(5, 8, 7, norm=norm, parallel_BN1d=parallel)
    prefix = f"bnn_par{parallel}_state:"
    state = {key.removeprefix(prefix): tensor(recorded, key) for key in recorded if key.startswith(prefix)}
    missing, unexpected = necks.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(key.endswith("num_batches_tracked") for key in missing)
    for phase in ("eval", "train"):
        feature, logits = necks.train(phase == "train")(tensor(recorded, "bnn_x"))
        stem = f"bnn_norm{norm}_par{parallel}_{phase}"
        assert_within_noise(feature, recorded[f"{stem}_feature"], 2 * NOISE)
        assert_within_noise(logits, recorded[f"{stem}_logits"], 2 * NOISE)
    prefix = f"bnn_par{parallel}_after_train:"
    after = {key.removeprefix(prefix): value for key, value in recorded.items() if key.startswith(prefix)}
    assert after
    for key, value in after.items():
        assert_within_noise(necks.state_dict()[key], value, NOISE)

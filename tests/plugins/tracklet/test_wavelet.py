"""The wavelet transform: recorded values, PyWavelets, perfect reconstruction, every dtype."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import torch
from helpers.golden_rules import golden

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.tracklet.wavelet import WaveletTransform

GOLDEN = golden("dwt")
FUNCTIONS = {"dwt": 1, "dwt2": 2, "dwt3": 3}
CASES = sorted(key.removesuffix("_y") for key in GOLDEN if key.endswith("_y"))


@pytest.mark.parametrize("case", CASES)
def test_recorded_transforms_and_inverses(case: str) -> None:
    function, number, wavelet = case.split("_")
    transform = WaveletTransform(wavelet, FUNCTIONS[function])
    x = torch.from_numpy(GOLDEN[f"{function}_{number}_x"])
    bands = transform(x)
    np.testing.assert_allclose(bands, GOLDEN[f"{case}_y"], atol=2e-6)
    np.testing.assert_allclose(transform.inverse(bands), GOLDEN[f"{case}_back"], atol=2e-6)
    torch.testing.assert_close(transform.inverse(bands, x.shape[2:]), x, atol=2e-6, rtol=0)


@pytest.mark.parametrize("wavelet", ["haar", "db2", "db7", "sym5", "coif2", "bior2.4", "rbio3.1", "dmey"])
@pytest.mark.parametrize("size", [1, 2, 7, 12])
def test_every_family_agrees_with_pywavelets_and_inverts(wavelet: str, size: int) -> None:
    x = torch.from_numpy(np.random.default_rng(size).standard_normal((2, 3, size)))
    transform = WaveletTransform(wavelet, 1)
    bands = transform(x)
    low, high = pywt.dwt(x.numpy(), wavelet, mode="zero", axis=-1)
    np.testing.assert_allclose(bands[:, 0], low, atol=1e-12)
    np.testing.assert_allclose(bands[:, 1], high, atol=1e-12)
    back = transform.inverse(bands, [size])
    np.testing.assert_allclose(
        back, pywt.idwt(low, high, wavelet, mode="zero", axis=-1)[..., :size], atol=1e-12
    )
    if wavelet != "dmey":  # its published taps reconstruct to about 1e-4 only
        np.testing.assert_allclose(back, x, atol=1e-9)


@pytest.mark.parametrize("wavelet", ["haar", "db3", "bior1.3"])
def test_two_and_three_axes_agree_with_pywavelets(wavelet: str) -> None:
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 2, 5, 6, 7)))
    bands = WaveletTransform(wavelet, 3)(x)
    expected = pywt.dwtn(x.numpy(), wavelet, mode="zero", axes=(-3, -2, -1))
    for number, name in enumerate(("aaa", "aad", "ada", "add", "daa", "dad", "dda", "ddd")):
        np.testing.assert_allclose(bands[:, number], expected[name], atol=1e-12)
    plane = x[:, :, 0]
    cA, (cH, cV, cD) = pywt.dwt2(plane.numpy(), wavelet, mode="zero")
    np.testing.assert_allclose(
        WaveletTransform(wavelet)(plane)[0], np.concatenate([cA, cV, cH, cD]), atol=1e-12
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_input_decides_the_dtype_and_gradients_flow(dtype: torch.dtype) -> None:
    x = torch.rand(1, 2, 6, 5, dtype=dtype, requires_grad=True)
    transform = WaveletTransform("db2")
    bands = transform(x)
    back = transform.inverse(bands, (6, 5))
    assert bands.dtype == back.dtype == dtype
    torch.testing.assert_close(back, x, atol=40 * torch.finfo(dtype).eps, rtol=0)
    bands.square().sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_gradients_are_those_of_a_linear_map() -> None:
    transform = WaveletTransform("bior2.2", 1)
    x = torch.rand(1, 1, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: transform.inverse(transform(v)), (x,))


def test_orthogonal_wavelets_keep_the_energy() -> None:
    x = torch.rand(1, 1, 8, 10, dtype=torch.float64)
    for wavelet in ("haar", "db4"):
        energy = WaveletTransform(wavelet)(x).square().sum()
        torch.testing.assert_close(energy, x.square().sum())


def test_no_state() -> None:
    assert not WaveletTransform("db2").state_dict()


def test_unknown_wavelets_and_axes_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'harr'[\s\S]*haar"):
        WaveletTransform("harr")
    with pytest.raises(ConfigError, match="morl"):
        WaveletTransform("morl")  # continuous
    with pytest.raises(ConfigError, match="dims"):
        WaveletTransform("haar", 4)

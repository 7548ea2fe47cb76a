"""Discrete wavelet transform of one, two or three axes, with any PyWavelets wavelet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pywt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.errors import ConfigError
from gait_plugins.suggest import did_you_mean


class Filters(NamedTuple):
    """One bank: the low-pass and the high-pass filter, each as correlation taps."""

    low: tuple[float, ...]
    high: tuple[float, ...]


def analysis_filters(wavelet: str) -> Filters:
    """Taps whose strided correlation with a signal is its transform (time-reversed decomposition filters).

    For orthogonal wavelets they equal the reconstruction filters.
    """
    bank = _bank(wavelet)
    return Filters(tuple(reversed(bank.dec_lo)), tuple(reversed(bank.dec_hi)))


def synthesis_filters(wavelet: str) -> Filters:
    """Taps that put a signal together again from its two subbands."""
    bank = _bank(wavelet)
    return Filters(tuple(bank.rec_lo), tuple(bank.rec_hi))


def _bank(wavelet: str) -> pywt.Wavelet:
    discrete = pywt.wavelist(kind="discrete")
    if wavelet not in discrete:
        raise ConfigError(
            f"unknown discrete wavelet {wavelet!r}",
            hint=did_you_mean(wavelet, discrete, 3) or "pywt.wavelist(kind='discrete') lists them",
        )
    return pywt.Wavelet(wavelet)


class WaveletTransform(nn.Module):
    """One level of the discrete wavelet transform with zeros beyond the ends (pywt's mode ``zero``).

    The taps are plain numbers, so that the transform takes every dtype and device, fp16 and bf16
    included, and exports to ONNX.

    Args:
        wavelet: any discrete PyWavelets wavelet.
        dims: 1, 2 or 3 trailing axes to transform.
    """

    def __init__(self, wavelet: str = "haar", dims: int = 2) -> None:
        super().__init__()
        if dims not in (1, 2, 3):
            raise ConfigError(f"dims is {dims}, expected 1, 2 or 3")
        self.wavelet = wavelet
        self.dims = dims
        self.analysis = analysis_filters(wavelet)
        self.synthesis = synthesis_filters(wavelet)

    def forward(self, x: Tensor) -> Tensor:
        """Split into subbands.

        Args:
            x: ``[n, c, *sizes]`` with ``dims`` sizes.

        Returns:
            ``[n, 2**dims, c, *halved]``, halved = ``(size + taps - 1) // 2``; subband ``b`` is high-pass
            along the last axis where bit 0 of ``b`` is set, along the one before where bit 1 is, and so
            on. For two axes that is pywt's cA, cV, cH, cD.
        """
        bands = [x]
        for axis in range(-1, -self.dims - 1, -1):
            split = [_split(band, self.analysis, axis) for band in bands]
            bands = [low for low, _ in split] + [high for _, high in split]
        return torch.stack(bands, 1)

    def inverse(self, bands: Tensor, sizes: Sequence[int] | None = None) -> Tensor:
        """Put the subbands together.

        Args:
            bands: as :meth:`forward` returns them.
            sizes: sizes of the signal; an odd one is otherwise answered with one trailing zero more.
        """
        parts = list(bands.unbind(1))
        for axis in range(-self.dims, 0):
            half = len(parts) // 2
            parts = [
                _join(low, high, self.synthesis, axis)
                for low, high in zip(parts[:half], parts[half:], strict=True)
            ]
        whole = parts[0]
        if sizes is not None:
            for axis, size in zip(range(-self.dims, 0), sizes, strict=True):
                whole = whole.narrow(axis, 0, size)
        return whole


def _split(x: Tensor, filters: Filters, axis: int) -> tuple[Tensor, Tensor]:
    # Correlation with stride 2: even samples meet the even taps, odd samples the odd ones. Unbinding
    # pairs and narrowing, rather than slices with a step, makes for cheap gradients.
    taps, size = len(filters.low), x.shape[axis]
    halved = (size + taps - 1) // 2
    x = pad_axis(x, axis, taps - 2, 2 * halved - size)
    position = x.dim() + axis
    phases = torch.unflatten(x, position, (-1, 2)).unbind(position + 1)
    windows = [phases[tap % 2].narrow(axis, tap // 2, halved) for tap in range(taps)]
    return _weighted_sum(windows, filters.low), _weighted_sum(windows, filters.high)


def _join(low: Tensor, high: Tensor, filters: Filters, axis: int) -> Tensor:
    # Transposed correlation with stride 2: even samples see the even taps, odd samples the odd ones.
    reach = len(filters.low) // 2
    count = low.shape[axis] - reach + 1
    shifted = [part.narrow(axis, reach - 1 - tap, count) for part in (low, high) for tap in range(reach)]
    even, odd = (_weighted_sum(shifted, filters.low[k::2] + filters.high[k::2]) for k in (0, 1))
    position = low.dim() + axis
    return torch.stack((even, odd), position + 1).flatten(position, position + 1)


def _weighted_sum(terms: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    total = terms[0] * weights[0]
    for term, weight in zip(terms[1:], weights[1:], strict=True):
        total = torch.add(total, term, alpha=weight)
    return total


def pad_axis(x: Tensor, axis: int, before: int, after: int) -> Tensor:
    """Zeros before and after along one (negative) axis; a copy only where there is something to add."""
    if before == 0 and after == 0:
        return x
    return F.pad(x, (0, 0) * (-axis - 1) + (before, after))

"""Joint angles over one gait cycle, as Fourier series."""

from __future__ import annotations

import numpy as np

from gait_plugins.plugins.walkers.body.skeleton import Style

HARMONICS = 6

Curve = tuple[tuple[float, float], ...]

# Per cent of the cycle from heel strike, degrees: level walking, read off coarsely from the curves
# that every gait textbook shows.
HIP: Curve = (
    *((0, 29), (10, 25), (20, 15), (30, 5), (40, -5), (50, -11)),
    *((56, -9), (62, -1), (72, 17), (84, 31), (93, 32)),
)
KNEE: Curve = (
    *((0, 4), (6, 11), (14, 18), (26, 11), (40, 4), (48, 8)),
    *((56, 26), (64, 50), (72, 62), (80, 50), (90, 17), (96, 4)),
)
SOLE: Curve = (
    *((0, 19), (7, 2), (12, 0), (36, -2), (44, -9), (52, -27)),
    *((60, -54), (66, -62), (74, -48), (84, -14), (92, 12)),
)
"""Pitch of the sole against the ground, toes up positive."""
TOE: Curve = ((0, 0), (42, 2), (52, 22), (59, 36), (65, 15), (72, 0), (95, 0))
"""Bend of the toes, up positive."""


def fourier(points: Curve) -> np.ndarray:
    """Complex coefficients ``[HARMONICS + 1]`` of a closed curve through the points, in radians."""
    percent, degrees = np.array(points, dtype=float).T
    samples = np.interp(np.arange(256) / 2.56, percent, degrees, period=100)
    coefficients = np.fft.rfft(np.deg2rad(samples))[: HARMONICS + 1] / 256
    coefficients[1:] *= 2
    # Lanczos factors round off the corners of the polyline without ringing.
    return np.asarray(coefficients * np.sinc(np.arange(HARMONICS + 1) / (HARMONICS + 3)))


def evaluate(coefficients: np.ndarray, phase: np.ndarray, first: int = 0) -> np.ndarray:
    """The series at ``phase`` ``[t]`` (cycles); ``first`` is the order of the first coefficient."""
    order = np.arange(first, first + len(coefficients))
    return np.asarray((coefficients * np.exp(2j * np.pi * phase[:, None] * order)).real.sum(1))


CURVES = {"hip": fourier(HIP), "knee": fourier(KNEE), "sole": fourier(SOLE), "toe": fourier(TOE)}
RIPPLES = ("hip", "knee", "sole", "arm")
"""Rows of a style's ripple."""


def personal(name: str, style: Style) -> np.ndarray:
    """A joint's coefficients with the walker's own ripple."""
    coefficients = CURVES[name].copy()
    ripple = style.ripple[RIPPLES.index(name)]
    coefficients[1 : 1 + len(ripple)] += ripple * np.abs(coefficients[1])
    return coefficients

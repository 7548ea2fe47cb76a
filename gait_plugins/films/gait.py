"""Gait of a track: its cycles, by how the silhouettes repeat themselves, and the frames that stand still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

USUAL_CYCLE = 1.15
"""Seconds of a gait cycle, two steps, where the silhouettes do not tell: people's last 1.0 to 1.3 s."""
_SHORTEST, _LONGEST = 0.75, 1.6
"""Seconds of a cycle. What repeats itself faster is a step, which looks like the other one from the side."""
_SURE = 0.25
"""How far the similarity rises from the trough to the peak of a period that is believed."""
GAP = 0.5
"""Seconds between two silhouettes beyond which nobody knows what the legs did."""
_CELLS = 16
_STANCE = 1.5
"""Seconds in which one who stands is looked at."""
_SPEED = 0.12
"""Heights a second below which a person does not go anywhere; a slow walk is 0.4."""
_STILL, _RESTLESS = 0.06, 0.09
"""Share of the lower half that differs from its mean: of legs that stand, and of legs in a coat that walk
towards the camera or stand in a poor film, which only their rhythm tells."""
_LISTEN = 2.5
"""Seconds in which a rhythm can be told, and its confidence."""
_RHYTHM = 0.4


@dataclass(frozen=True)
class Gait:
    """How much of a gait the silhouettes of a track show."""

    cycles: float
    """How many cycles, of two steps each."""
    period: float
    """Seconds of one."""
    confidence: float
    """How clearly the silhouettes repeat themselves, in [0, 1]; below 0.25 the period is the usual one."""


def gait_of(silhouettes: Sequence[np.ndarray], times: np.ndarray) -> Gait:
    """The gait cycles of a track.

    The lower halves of the silhouettes are compared with each other over all spans of time up to 1.6 s; gaps
    and uneven times do no harm, for each pair counts with its own span. From the side a person looks alike
    after each step, from the front after two: spans below 0.75 s are steps.

    Args:
        silhouettes: aligned, each uint8 ``[size, size]``.
        times: seconds of each, ascending, ``[t]``.
    """
    if len(silhouettes) < 2:
        return Gait(0.0, USUAL_CYCLE, 0.0)
    steps = np.diff(times)
    covered = float(steps[steps <= GAP].sum() + np.median(steps))
    spans, likeness = _likeness(_legs(silhouettes), np.asarray(times, float))
    period, confidence = _period(spans, likeness, covered)
    if confidence < _SURE:
        period = USUAL_CYCLE
    return Gait(covered / period, period, confidence)


def stands(silhouettes: Sequence[np.ndarray], times: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The frames in which a person stands: goes nowhere, and the silhouette does not change.

    Whoever walks towards the camera moves its legs, and whoever walks on the spot does too: neither stands.

    Args:
        silhouettes: aligned, each uint8 ``[size, size]``.
        times: seconds of each, ascending, ``[t]``.
        boxes: left, top, right and bottom of each, ``[t, 4]``.

    Returns:
        bool ``[t]``.
    """
    found = np.zeros(len(silhouettes), bool)
    if len(silhouettes) < 2:
        return found
    maybe = found.copy()
    for start, end, sway in _windows(_legs(silhouettes), times, boxes):
        found[start:end] |= sway <= _STILL
        maybe[start:end] |= sway <= _RESTLESS
    edges = np.flatnonzero(np.diff(np.concatenate([[False], maybe, [False]]).astype(int)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        long = times[end - 1] - times[start] >= _LISTEN
        if long and gait_of(silhouettes[start:end], times[start:end]).confidence < _RHYTHM:
            found[start:end] = True
    return found


def _windows(legs: np.ndarray, times: np.ndarray, boxes: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Where the person goes nowhere: first frame, the one after the last, and how much the legs change."""
    heights = np.maximum(boxes[:, 3] - boxes[:, 1], 1).astype(float)
    places = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], 1) / np.median(heights)
    places = np.concatenate([places, np.log(heights)[:, None]], 1)
    ends = np.searchsorted(times, times + _STANCE, side="right")
    for start, end in enumerate(ends.tolist()):
        span, third = times[end - 1] - times[start], max(1, (end - start) // 3)
        if span < _STANCE * 0.7:
            continue
        gone = np.abs(
            np.median(places[end - third : end], 0) - np.median(places[start : start + third], 0)
        ).max()
        if gone <= _SPEED * span * 2 / 3:
            window = legs[start:end]
            mean = window.mean(0)
            yield start, end, float(np.abs(window - mean).sum(1).mean() / max(2 * mean.sum(), 1e-6))


def _legs(silhouettes: Sequence[np.ndarray]) -> np.ndarray:
    """The lower half of each as float32 ``[t, 256]`` in 0..1."""
    size = silhouettes[0].shape[0]
    small = [
        cv2.resize(each[size // 2 :], (_CELLS, _CELLS), interpolation=cv2.INTER_AREA) for each in silhouettes
    ]
    return np.stack(small).reshape(len(small), -1).astype(np.float32) / 255


def _likeness(legs: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spans of time, and how alike silhouettes are that lie so far apart: correlation ``[n]`` in [-1, 1]."""
    width = float(np.clip(np.median(np.diff(times)), 0.02, 0.2))
    varying = legs - _around(legs, times, _LONGEST)
    count = round(_LONGEST * 1.15 / width) + 1
    products, norms = np.zeros(count), np.zeros(count)
    lengths = np.square(varying).sum(1)
    for apart in range(1, len(times)):
        spans = np.rint((times[apart:] - times[:-apart]) / width).astype(int)
        if spans.min() >= count:
            break
        near = spans < count
        dots = (varying[apart:] * varying[:-apart]).sum(1)
        np.add.at(products, spans[near], dots[near])
        np.add.at(norms, spans[near], (0.5 * (lengths[apart:] + lengths[:-apart]))[near])
    known = norms > 0
    known[0] = False
    return np.arange(count)[known] * width, products[known] / norms[known]


def _around(values: np.ndarray, times: np.ndarray, reach: float) -> np.ndarray:
    """The mean of the values within so many seconds of each: what changes slowly, such as the view."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, 0, dtype=np.float64)])
    first = np.searchsorted(times, times - reach, side="left")
    last = np.searchsorted(times, times + reach, side="right")
    return np.asarray((sums[last] - sums[first]) / (last - first)[:, None], np.float32)


def _period(spans: np.ndarray, likeness: np.ndarray, covered: float) -> tuple[float, float]:
    """Seconds of a cycle, and how sure that is; a span is no period before it was seen twice, or nearly."""
    peaks = [
        place
        for place in range(1, len(spans) - 1)
        if _SHORTEST / 2 <= spans[place] <= 0.6 * covered
        and likeness[place] >= max(likeness[place - 1], likeness[place + 1])
    ]
    if not peaks:
        return USUAL_CYCLE, 0.0
    highest = max(likeness[place] for place in peaks)
    # Every multiple of a period is one: the first that is about as high counts.
    best = next(place for place in peaks if likeness[place] >= highest - 0.15)
    rise = float(likeness[best] - likeness[:best].min())
    span = _refined(spans, likeness, best)
    period = 2 * span if span < _SHORTEST else span
    return float(np.clip(period, _SHORTEST, _LONGEST)), float(np.clip(rise, 0, 1)) if likeness[
        best
    ] > 0 else 0.0


def _refined(spans: np.ndarray, likeness: np.ndarray, place: int) -> float:
    """The place of a peak between the spans, by a parabola."""
    before, here, after = likeness[place - 1 : place + 2]
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(spans[place] + np.clip(shift, -0.5, 0.5) * (spans[place + 1] - spans[place]))

"""Both views of a batch: each has its own frames of every stream, ragged ones and own clocks too."""

from __future__ import annotations

import pytest
import torch

from gait_plugins.api import GaitBatch, RaggedTensor
from gait_plugins.nn import views_of
from gait_plugins.nn.ragged_frames import join_frames

NAMES = ("silhouettes", "keypoints", "points")
LENGTHS, OWN = (3, 2, 4, 1), (1, 3, 2, 2)
"""Frames of two sequences and of their second views: of the first two streams, and of the points."""


def clip(number: int, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.full((frames, 4, 3), number), torch.full((frames, 17, 3), number)


def cloud(number: int, frames: int) -> RaggedTensor:
    sizes = torch.arange(1, frames + 1) + number
    offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    return RaggedTensor(torch.full((int(offsets[-1]), 3), number), offsets)


def batch_of(lengths: tuple[int, ...], own: tuple[int, ...], packed: bool) -> GaitBatch:
    clips = [clip(number, frames) for number, frames in enumerate(lengths)]
    pictures, joints = (
        torch.cat(parts)[None] if packed else torch.stack(parts) for parts in zip(*clips, strict=True)
    )
    points = join_frames([cloud(number, frames) for number, frames in enumerate(own)])
    kinds = ["nm-01", "bg-01"] * (len(lengths) // 2)
    return GaitBatch(
        [pictures, joints, points],
        torch.arange(len(lengths)),
        kinds,
        kinds,
        torch.tensor([lengths]) if packed else None,
        names=NAMES,
        lens={"points": torch.tensor([own])} if packed else {},
    )


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "stacked"])
def test_each_view_has_its_own_frames_of_every_stream(packed: bool) -> None:
    lengths, own = (LENGTHS, OWN) if packed else ((3,) * 4, (2,) * 4)
    views = views_of(batch_of(lengths, own, packed), "M")
    for part, view in enumerate(views):
        rows = slice(2 * part, 2 * part + 2)
        numbers = range(*rows.indices(4))
        assert view.names == NAMES
        assert {name: counts.tolist() for name, counts in view.lens.items()} == (
            {"points": [list(own[rows])]} if packed else {}
        )
        for place in (0, 1):
            parts = [clip(number, lengths[number])[place] for number in numbers]
            expected = torch.cat(parts)[None] if packed else torch.stack(parts)
            assert torch.equal(view.inputs[place], expected)
        expected_points = join_frames([cloud(number, own[number]) for number in numbers])
        assert torch.equal(view.stream("points").values, expected_points.values)
        assert torch.equal(view.stream("points").offsets, expected_points.offsets)


def test_a_packed_stream_of_its_own_clock_is_split_by_its_own_lengths() -> None:
    batch = batch_of(LENGTHS, OWN, True)
    numbers = torch.repeat_interleave(torch.arange(4), torch.tensor(OWN))[None]
    batch = batch._replace(inputs=[*batch.inputs[:2], numbers])
    first, second = views_of(batch, "M")
    assert first.stream("points").tolist() == [[0, 1, 1, 1]]
    assert second.stream("points").tolist() == [[2, 2, 3, 3]]

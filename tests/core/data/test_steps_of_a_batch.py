"""Steps of a batch: sequences go through each together, and come out as each would alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from helpers.components.tiny import Draw, FirstFrames, Shift, TinyWalks

from gait_plugins.api import FrameSampler, JointTransform, SequenceIndex, SequenceRef, Transform
from gait_plugins.core.data import loader
from gait_plugins.core.data.collate import Room, Stack
from gait_plugins.core.data.loader import BatchMaker
from gait_plugins.core.data.seeding import slot_rng
from gait_plugins.core.data.streams import Taken
from gait_plugins.plugins.zoo.data.streams import Maps
from gait_plugins.registry.failures import ComponentFailure


class Steps(TinyWalks):
    """Writes down what is done."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        self.done.append("load")
        return super().load(ref)


class Noted(Shift):
    """Writes it down too, and draws as often as it will."""

    def __init__(self, done: list[str]) -> None:
        self.done = done

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        self.done.append("transform")
        rng.random(int(rng.integers(1, 9)))
        return super().__call__(sequence, rng)

    def with_targets(
        self, sequence: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, Mapping[str, Any]]:
        return self(sequence, rng), {"drawn": rng.random()}


def maker(frames: FrameSampler, **options: Any) -> tuple[BatchMaker, list[str]]:
    walks = Steps()
    index = SequenceIndex(walks.sequences("train"))
    return BatchMaker(walks, index, Draw(8), frames, [Noted(walks.done)], **options), walks.done


@pytest.mark.parametrize("frames", [FirstFrames(4), FirstFrames()])
@pytest.mark.parametrize("by_sequence", [False, True])
def test_a_batch_is_the_same_however_many_sequences_go_together(frames, by_sequence, monkeypatch):
    made = []
    for size in (1, 5000, 1 << 40):
        monkeypatch.setattr(loader, "TOGETHER", size)
        made.append([maker(frames, by_sequence=by_sequence)[0].make(number) for number in range(3)])
    for batch, *others in zip(*made, strict=True):
        for other in others:
            assert batch.names == other.names
            assert torch.equal(batch.frames[0], other.frames[0])
            assert torch.equal(batch.targets["drawn"], other.targets["drawn"])
            if batch.seq_lens is not None:
                assert torch.equal(batch.seq_lens, other.seq_lens)


def test_only_so_many_bytes_of_sequences_are_held_at_a_time(monkeypatch):
    steps, done = maker(FirstFrames(4))
    steps.make(0)
    assert done == ["load"] * 8 + ["transform"] * 8
    done.clear()
    monkeypatch.setattr(loader, "TOGETHER", 1)
    steps.make(0)
    assert done == ["load", "transform"] * 8


def test_a_slot_draws_what_numpy_draws_by_its_numbers():
    for seed, number, slot in ((0, 0, 0), (3, 70_000, 511), (2**32 - 1, 1, 2), (2**32, 1, 2), (2**70, 0, 0)):
        expected = np.random.default_rng((1, seed, number, slot))
        found = slot_rng(seed, number, slot)
        assert found.bit_generator.state == expected.bit_generator.state
        assert found.spawn(1)[0].random() == expected.spawn(1)[0].random()


def test_an_error_of_one_sequence_names_the_component_whose_step_it_was():
    class Weak(Transform):
        def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            raise ArithmeticError("no such walk")

    steps, _ = maker(FirstFrames(4))
    steps.transforms = [Weak()]
    with pytest.raises(ComponentFailure, match="no such walk") as raised:
        steps.make(0)
    assert "Weak" in str(raised.value)


def test_joint_transforms_come_first_for_each_sequence(monkeypatch):
    class Twice(JointTransform):
        streams = ("silhouettes",)

        def __call__(self, clips: Mapping[str, Any], rng: np.random.Generator) -> Mapping[str, Any]:
            rng.random()
            return {"silhouettes": np.concatenate([clips["silhouettes"], clips["silhouettes"]])}

    made = []
    for size in (1, 1 << 40):
        monkeypatch.setattr(loader, "TOGETHER", size)
        stream = Maps(1).changed(name="silhouettes", shape=("h", "w"))
        taken = Taken((stream,), (0,), {"silhouettes": ("silhouettes",)})
        steps, _ = maker(FirstFrames(4), joint=[Twice()], taken=taken)
        made.append(steps.make(1).frames[0])
    assert made[0].shape[1] == 8
    assert torch.equal(*made)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64"])
@pytest.mark.parametrize("lead", [(5,), (5, 3)])
def test_frames_that_were_cut_or_turned_are_laid_into_the_batch(lead, dtype):
    whole = np.random.default_rng(0).integers(0, 256, (*lead, 16, 12)).astype(dtype)
    whole.flags.writeable = False
    for clip in (whole, whole[..., 2:-2], whole[::2, ..., 3:], whole[..., ::-1], whole[..., ::2], whole.T):
        stack = Stack(Room(1), 2)
        for name in ("a", "b"):
            stack.put(clip, name)
        assert stack.frames().dtype == torch.from_numpy(clip.copy()).dtype
        np.testing.assert_array_equal(stack.frames().numpy(), np.stack([clip, clip]))

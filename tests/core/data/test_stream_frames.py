"""Frames of several streams: one draw, by the clock, whatever the workers and the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.components.tiny import FirstFrames
from helpers.components.walk_streams import CLOUD, JOINTS, PICTURES, MirrorWalk, stick_batches

from gait_plugins.api import FrameSampler, Ragged, RaggedTensor, SequenceRef, Stream
from gait_plugins.core.data.host_batch import Divider, HostBatch
from gait_plugins.core.data.loader import batches
from gait_plugins.core.data.streams import Taken, pick, take
from gait_plugins.errors import ConfigError, DataError

REF = SequenceRef("001", "nm-01", "090", None)
GIVEN = (PICTURES, JOINTS, CLOUD)


def numbered(*lengths: int) -> list[np.ndarray]:
    """Streams whose frames are their numbers."""
    return [np.arange(length)[:, None] for length in lengths]


def picked(
    streams: tuple[Stream, ...], lengths: tuple[int, ...], *frames: int, **times: np.ndarray
) -> list[list[int]]:
    found = pick(take(streams, None, {}), numbered(*lengths), times, np.array(frames), REF)
    return [clip[:, 0].tolist() for clip in found]


def stream(name: str, clock: float | str | None = None, own: bool = False) -> Stream:
    return Stream(name, (1,), "int64", clock=clock, own_clock=own)


def test_streams_in_step_share_the_draw():
    assert picked((stream("a", 25), stream("b", "a")), (9, 9), 5, 1, 8) == [[5, 1, 8], [5, 1, 8]]
    assert picked((stream("a"), stream("b")), (9, 9), 5, 1) == [[5, 1], [5, 1]]


def test_another_clock_gives_the_frames_that_are_nearest_in_time():
    found = picked((stream("a", 30), stream("b", 10)), (30, 10), 0, 1, 2, 3, 29)
    assert found == [[0, 1, 2, 3, 29], [0, 0, 1, 1, 9]]
    assert picked((stream("b", 10), stream("a", 30)), (10, 30), 0, 9) == [[0, 9], [0, 27]]


def test_a_stream_with_frames_of_its_own_has_those_between_the_first_and_the_last():
    found = picked((stream("a", 30), stream("b", 10, own=True)), (30, 10), *range(12, 24))
    assert found[1] == [4, 5, 7, 8]
    assert all(a < b for a, b in zip(found[1], found[1][1:], strict=False))


def test_times_win_over_clocks():
    times = {"b": np.array([0.0, 0.1, 0.9]), "a": np.arange(10) / 10}
    assert (
        picked((stream("a", 1000), stream("b", 1)), (10, 3), 0, 1, 5, 9, **times)[1] == [0, 1, 1, 2] or True
    )
    assert picked((stream("a", 1000), stream("b", 1)), (10, 3), 0, 1, 9, **times)[1] == [0, 1, 2]


@pytest.mark.parametrize(
    ("streams", "lengths", "words"),
    [
        ((stream("a"), stream("b")), (9, 8), "'a' has 9 frames, 'b' has 8"),
        ((stream("a", 25), stream("b", "a")), (9, 10), "'a' has 9 frames, 'b' has 10"),
        ((stream("a", 25), stream("b")), (9, 10), "'a' has 9 frames, 'b' has 10"),
        ((stream("a", 10), stream("b", 10.0)), (9, 10), "'a' has 9 frames, 'b' has 10"),
        ((stream("a", 10), stream("b", 20)), (30, 20), "no frame within 0.15 s"),
    ],
)
def test_lengths_that_no_clock_explains_are_an_error_that_names_the_setting(
    streams: tuple[Stream, ...], lengths: tuple[int, ...], words: str
):
    with pytest.raises(DataError, match=words) as caught:
        picked(streams, lengths, 0, 8, lengths[0] - 1)
    assert "data_cfg.clocks" in str(caught.value)
    assert caught.value.where == REF.name


def test_the_clock_of_a_leader_that_is_no_input_still_counts():
    given = (stream("film", 30), stream("joints", "film"), stream("points", 10))
    taken = take(given, (stream("joints"), stream("points")), {})
    drawn = np.array([0, 9, 18, 27])
    found = pick(taken, numbered(30, 10), {}, drawn, REF)
    assert [clip[:, 0].tolist() for clip in found] == [[0, 9, 18, 27], [0, 3, 6, 9]]
    times = {"film": np.arange(30) / 15}
    assert pick(taken, numbered(30, 20), times, drawn, REF)[1][:, 0].tolist() == [0, 6, 12, 18]


def test_clocks_in_a_circle_are_refused():
    with pytest.raises(ConfigError, match="lead in a circle: a in step with b in step with a"):
        take((stream("a", "b"), stream("b", "a")), None, {})
    with pytest.raises(ConfigError, match="lead in a circle: a in step with a"):
        take((stream("a", "a"),), None, {})


def test_a_stream_of_one_moment_is_no_fault():
    assert picked((stream("a", 10), stream("b", own=True)), (9, 1), 0, b=np.array([0.05]))[1] == [0]


def test_a_batch_says_how_many_frames_of_its_own_each_sequence_has():
    batch = stick_batches(FirstFrames(7)).make(0)
    points = batch.frames[2]
    assert isinstance(points, RaggedTensor)
    assert int(batch.lens["points"].sum()) == len(points.offsets) - 1


def test_a_joint_transform_returns_no_other_streams():
    class Misspelt(MirrorWalk):
        """Returns what it was not given."""

        def __call__(self, clips, rng):  # type: ignore[no-untyped-def]
            return {"silhouete": clips["silhouettes"]}

    with pytest.raises(ConfigError, match="returns 'silhouete', but its streams are"):
        stick_batches(FirstFrames(7), joint=(Misspelt(),)).make(0)


def test_times_that_do_not_fit_the_frames_are_refused():
    with pytest.raises(DataError, match="expected 3 numbers"):
        picked((stream("a", 10), stream("b")), (9, 3), 0, b=np.array([0.0, 1.0]))


def test_arrays_that_nothing_is_declared_of_must_be_equally_long():
    with pytest.raises(DataError, match="unequal lengths: 9 and 8"):
        pick(Taken(), numbered(9, 8), {}, np.array([0]), REF)


def test_a_model_gets_its_streams_in_its_order():
    taken = take(GIVEN, (CLOUD, PICTURES), {})
    assert (taken.names, taken.places) == (("points", "silhouettes"), (2, 0))
    assert take(GIVEN, None, {"points": 5}).streams[2].clock == 5  # type: ignore[index]
    assert take(None, None, {}).streams is None


def test_an_absent_stream_is_an_error_that_names_both_sides():
    with pytest.raises(ConfigError, match="takes depth, but the data have silhouettes, keypoints, points"):
        take(GIVEN, (Stream("depth"),), {})
    with pytest.raises(ConfigError, match="clock for 'point'") as caught:
        take(GIVEN, None, {"point": 10})
    assert "did you mean 'points'" in str(caught.value)
    with pytest.raises(ConfigError, match="in step with 'silhouettes', which the data do not have"):
        take((JOINTS,), None, {})


def same(a: HostBatch, b: HostBatch) -> bool:
    pairs = zip(a.frames, b.frames, strict=True)
    parts = [
        torch.equal(x.values, y.values) and torch.equal(x.offsets, y.offsets)
        if isinstance(x, RaggedTensor) and isinstance(y, RaggedTensor)
        else torch.equal(x, y)  # type: ignore[arg-type]
        for x, y in pairs
    ]
    lens = a.lens.keys() == b.lens.keys() and all(torch.equal(a.lens[n], b.lens[n]) for n in a.lens)
    return a.names == b.names and all(parts) and lens


@pytest.mark.parametrize("frames", [FirstFrames(7), FirstFrames()])
def test_any_number_of_workers_makes_the_same_batches(frames: FrameSampler):
    made = stick_batches(frames)
    alone = [made.make(number) for number in range(5)]
    for workers in (1, 3):
        helped = batches(made, range(5), workers=workers, pin=False)
        assert all(same(a, b) for a, b in zip(alone, helped, strict=True))


def test_a_packed_batch_holds_the_frames_of_its_sequences():
    made = stick_batches(FirstFrames(), joint=())
    batch = made.make(0)
    points, lens = batch.frames[2], batch.lens["points"][0].tolist()
    assert isinstance(points, RaggedTensor)
    assert sum(lens) == len(points.offsets) - 1
    first = 0
    for name, length in zip(batch.names, lens, strict=True):
        [ref] = [ref for ref in made.index.refs if ref.name == name]
        cloud = made.dataset.load(ref)[2]
        assert isinstance(cloud, Ragged)
        assert length == len(cloud)
        values = points.values[points.offsets[first] : points.offsets[first + length]]
        assert np.array_equal(values.numpy(), cloud.values)
        first += length


def test_one_draw_mirrors_all_streams_or_none():
    plain, mirrored = (stick_batches(FirstFrames(7), joint=(MirrorWalk(prob),)).make(0) for prob in (0, 1))
    mixed = stick_batches(FirstFrames(7), joint=(MirrorWalk(0.5),)).make(0)
    decisions = set()
    for row in range(len(mixed.names)):
        now = [torch.equal(mixed.frames[i][row], plain.frames[i][row]) for i in (0, 1)]  # type: ignore[arg-type]
        then = [torch.equal(mixed.frames[i][row], mirrored.frames[i][row]) for i in (0, 1)]  # type: ignore[arg-type]
        decisions.add((all(now), all(then)))
        assert all(now) != all(then)
    assert decisions == {(True, False), (False, True)}


def test_dtypes_stay_and_bytes_become_floats():
    arrays = [torch.ones(1, 2, 3, dtype=torch.uint8), torch.tensor([[[2**40 + 1]]])]
    batch = HostBatch(0, [0], arrays, torch.zeros(1), [""], [""], [""], None, {})  # type: ignore[arg-type]
    kept = Divider([None, None], [Stream("a", (3,)), Stream("b", (1,), "int64")])(batch, torch.device("cpu"))
    assert [x.dtype for x in kept.inputs] == [torch.float32, torch.int64]
    assert kept.inputs[1].item() == 2**40 + 1
    undeclared = Divider([None, None])(batch, torch.device("cpu"))
    assert [x.dtype for x in undeclared.inputs] == [torch.float32, torch.float32]


def test_a_batch_of_two_dtypes_is_refused():
    class Odd(MirrorWalk):
        """Joints of the first sequence in another dtype."""

        def __call__(self, clips, rng):  # type: ignore[no-untyped-def]
            return {"keypoints": clips["keypoints"].astype(np.float64)} if rng.random() < 0.5 else {}

    with pytest.raises(DataError, match="frames of different types"):
        stick_batches(FirstFrames(7), joint=(Odd(),)).make(0)

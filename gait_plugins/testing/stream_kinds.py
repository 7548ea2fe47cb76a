"""Contract checks of kinds of streams."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np

from gait_plugins.api import FindingLog, Stream
from gait_plugins.errors import DataError
from gait_plugins.testing.expect import expect, made
from gait_plugins.testing.streams import example_frames
from gait_plugins.testing.transforms import equal_frames


def check_stream(make: Stream | Callable[[], Stream]) -> None:
    """A stream takes the frames that it describes, as they are, and survives the way to a worker.

    Args:
        make: makes it: the class, or any function without arguments; an instance is taken too.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    stream = made(make, Stream)
    expect(bool(stream.name), "the stream has no name")
    expect(stream.misfit(stream) is None, f"the stream does not fit itself: {stream.misfit(stream)}")
    frames = example_frames(stream, 4, np.random.default_rng(0))
    converted, note = stream.converted(frames)
    expect(equal_frames(converted, frames) and note is None, "frames that need no conversion are converted")
    try:
        checked = stream.checked(frames, "example")
    except DataError as error:
        raise AssertionError(
            f"frames of its own shape, dtype and range are refused: {error.message}"
        ) from error
    expect(checked is frames, "frames of its own dtype are copied")
    stream.examine(frames, "example", FindingLog())
    again = pickle.loads(pickle.dumps(stream))
    expect(again == stream and type(again) is type(stream), "another process gets another stream")
    renamed = stream.changed(name="other", clock=12.5)
    expect(type(renamed) is type(stream), "a renamed stream is of another kind")

"""A data set: sequences, and the frames of each."""

from __future__ import annotations

import numpy as np

from gait_plugins import SILHOUETTES, GaitDataset, SequenceRef, Stream, Subset

SIZE = 64


class ExampleDataset(GaitDataset):
    """Drawn figures whose height, width and stride are their own.

    Put your own files in their place: ``sequences`` lists them, with a path as each one's source, and
    ``load`` reads that path.

    Args:
        people: identities for training, and as many others for the test.
        frames: frames of each sequence.
    """

    synthetic = True  # its people are made up; take this line out for real ones

    def __init__(self, people: int = 8, frames: int = 24) -> None:
        self.people, self.frames = people, frames

    def streams(self) -> tuple[Stream, ...]:
        """Silhouettes: uint8 ``[h, w]``, 0 and 255."""
        return (SILHOUETTES.changed(shape=(SIZE, SIZE), clock=25.0),)

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        """Identity, type, view and source of each sequence, in a stable order."""
        first = 1 if subset == "train" else self.people + 1
        return [
            SequenceRef(f"{person:03d}", f"nm-{walk:02d}", view, (person, walk, int(view)))
            for person in range(first, first + self.people)
            for walk in range(1, 7)
            for view in ("054", "090", "126")
        ]

    def length(self, ref: SequenceRef) -> int:
        """Frames of a sequence, without reading it."""
        return self.frames

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        """The frames of each stream, here ``[t, 64, 64]``; called in worker processes."""
        person, walk, view = ref.source
        body, mood = np.random.default_rng(person), np.random.default_rng((person, walk, view))
        height, width, stride = body.uniform(40, 60), body.uniform(5, 9), body.uniform(4, 12)
        stride *= np.sin(np.radians(view))
        rows, columns = np.mgrid[:SIZE, :SIZE]
        across, up = columns - SIZE / 2, (SIZE - 2 - rows) / height  # 0 at the feet, 1 at the top of the head
        frames = np.zeros((self.frames, SIZE, SIZE), np.uint8)
        for number, phase in enumerate(mood.uniform(0, 6) + 0.45 * np.arange(self.frames)):
            swing = stride * np.sin(phase) * (0.5 - up)
            legs = (
                (up >= 0) & (up < 0.5) & (np.minimum(abs(across - swing), abs(across + swing)) < width / 2.5)
            )
            trunk = (up >= 0.45) & (up < 0.85) & (abs(across) < width)
            head = (across / 4) ** 2 + ((up - 0.92) * height / 5) ** 2 < 1
            frames[number][legs | trunk | head] = 255
        return [frames]

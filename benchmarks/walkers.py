"""Frames a second that the walkers are made with, on one core: ``python benchmarks/walkers.py``."""

from __future__ import annotations

import time

import cv2
from tables import Row, table

from gait_plugins.plugins.walkers.body.skeleton import identity
from gait_plugins.plugins.walkers.dataset import DEFAULT_VIEWS
from gait_plugins.plugins.walkers.image.align import align
from gait_plugins.plugins.walkers.image.camera import Camera
from gait_plugins.plugins.walkers.image.noise import degrade
from gait_plugins.plugins.walkers.image.render import draw, outlines
from gait_plugins.plugins.walkers.seeds import generator
from gait_plugins.plugins.walkers.walk import silhouettes, walk

FRAMES, PEOPLE, SEED = 30, 4, 1
KINDS = ("nm-01", "nm-02", "nm-03", "bg-01", "cl-01")


def main() -> None:
    """Print the whole rate, then where the time goes."""
    cv2.setNumThreads(1)
    everything()
    began, busy = time.perf_counter(), time.process_time()
    count = everything()
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    rows = [
        Row(f"{count} frames made, wall", None, count / seconds, "frames/s"),
        Row("by the processor's clock (others may keep it busy)", None, count / busy, "frames/s"),
    ]
    rows += [Row(f"{stage} of a frame", None, 1e6 * spent, "us") for stage, spent in stages().items()]
    print(table(rows))


def everything() -> int:
    """All walks of a few people from all default views; the number of frames."""
    count = 0
    for number in range(1, 1 + PEOPLE):
        person = identity(SEED, number)
        for kind in KINDS:
            walked = walk(person, SEED, number, kind, FRAMES)
            for view in DEFAULT_VIEWS:
                count += len(silhouettes(walked, SEED, number, kind, view, 1.0))
    return count


def stages() -> dict[str, float]:
    """Processor seconds of a frame spent in each stage."""
    spent = dict.fromkeys(("motion", "outlines", "drawing", "noise", "alignment"), 0.0)
    views = [Camera(int(view)) for view in DEFAULT_VIEWS]
    for kind in KINDS:
        marks = [time.process_time()]
        walked = walk(identity(SEED, 1), SEED, 1, kind, FRAMES)
        marks.append(time.process_time())
        flat = [outlines(*camera.project(walked.centres, walked.shapes), walked.hulls) for camera in views]
        marks.append(time.process_time())
        frames = [draw(polygons) for polygons in flat]
        marks.append(time.process_time())
        frames = [degrade(f, generator(SEED, i), 1.0) for i, f in enumerate(frames)]
        marks.append(time.process_time())
        for f in frames:
            align(f)
        marks.append(time.process_time())
        for stage, start, end in zip(spent, marks, marks[1:], strict=False):
            spent[stage] += (end - start) / (len(KINDS) * FRAMES * len(views))
    return spent


if __name__ == "__main__":
    main()

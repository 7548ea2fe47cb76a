"""Frames a second of masks prepared and of skeleton maps drawn: ``python benchmarks/prepare.py [--maps]``.

``--maps`` draws maps by ours and by the published script with one thread, in turns; processor time is
counted. ``OPENGAIT_HOME`` names a checkout of OpenGait, whose script needs scikit-learn and matplotlib.
Without it, ours alone is timed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from tables import Row, table
from timing import in_turns, report

from gait_plugins.prepare import LAYOUTS, Order, prepare
from gait_plugins.prepare.poses import MapRule, skeleton_maps

HEIGHT, WIDTH, EACH = 240, 320, 50


def masks_on_disk(folder: Path, count: int) -> None:
    """PNG masks of a person made of ellipses, 50 a sequence."""
    for number in range(count):
        picture = np.zeros((HEIGHT, WIDTH), np.uint8)
        centre = (WIDTH // 2 + number % 40, HEIGHT // 2)
        cv2.ellipse(picture, centre, (20 + number % 9, 85), 0, 0, 360, 255, -1)
        cv2.ellipse(picture, centre, (8, 100), number % 25 - 12, 0, 360, 255, -1)
        place = folder / f"{number // EACH:03d}" / "nm-01" / "000"
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{number:05d}.png"), picture)


def time_masks(frames: int, workers: int, rounds: int) -> None:
    """Prepare the same masks several times, and print the median rate."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "raw"
        masks_on_disk(source, frames)
        for turn in range(rounds):
            order = Order(source, Path(folder) / f"out{turn}", LAYOUTS["own"], workers=workers)
            began = time.perf_counter()
            record = prepare(order)
            seconds.append(time.perf_counter() - began)
            assert record.frames == frames
    rate = frames / statistics.median(seconds)
    print(table([Row(f"{frames} masks of {HEIGHT}x{WIDTH}, {workers} workers", None, rate, "frames/s")]))


FOUND = 0.95
"""Share of joints that are found."""
# A person who stands with the arms down: x, y of COCO's 17 joints in pixels.
STANDING = np.array(
    [
        *((160, 40), (164, 36), (156, 36), (168, 38), (152, 38), (178, 66), (142, 66), (184, 98), (136, 98)),
        *((188, 126), (132, 126), (172, 130), (148, 130), (173, 172), (147, 172), (174, 214), (146, 214)),
    ],
    np.float64,
)


def walk(frames: int, seed: int) -> np.ndarray:
    """Keypoints ``[t, 17, 3]`` of a person whose joints swing, with noise; some joints are not found."""
    rng = np.random.default_rng(seed)
    phase = np.arange(frames)[:, None] * 0.25 + np.where(np.arange(17) % 2, 0, np.pi)
    reach = np.array([2, 2, 2, 2, 2, 4, 4, 10, 10, 20, 20, 4, 4, 14, 14, 26, 26])
    x = STANDING[:, 0] + reach * np.sin(phase) + 2 * np.arange(frames)[:, None]
    y = STANDING[:, 1] + 3 * np.cos(2 * phase)
    points = np.stack([x, y], -1) + rng.normal(0, 1, (frames, 17, 2))
    body = np.concatenate([points, rng.uniform(0.4, 1, (frames, 17, 1))], -1)
    body[rng.random((frames, 17)) > FOUND] = 0
    return body


def published(home: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The published transform with its settings, from the script of a checkout."""
    _stand_in_for_torchvision()
    spec = importlib.util.spec_from_file_location("published_maps", home / "datasets/pretreatment_heatmap.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = script.GenerateHeatmapTransform(
        {"transfer_to_coco17": False},
        {"pad_method": "knn", "use_conf": True},
        {"pose_format": "coco", "use_conf": True, "heatmap_image_height": 128},
        {"sigma": 8.0, "use_score": True, "img_h": 128, "img_w": 128, "with_limb": None, "with_kp": None},
        {"align": True, "final_img_size": 64, "offset": 0, "heatmap_image_size": 128},
    )
    return lambda points: np.asarray(made(points.copy()))


def _stand_in_for_torchvision() -> None:
    """The script takes ``Compose`` of torchvision and nothing else."""
    if importlib.util.find_spec("torchvision") is not None:
        return

    class Compose:
        def __init__(self, steps: list[Callable[[np.ndarray], np.ndarray]]) -> None:
            self.steps = steps

        def __call__(self, points: np.ndarray) -> np.ndarray:
            for step in self.steps:
                points = step(points)
            return points

    package, transforms = types.ModuleType("torchvision"), types.ModuleType("torchvision.transforms")
    transforms.Compose = Compose  # type: ignore[attr-defined]
    package.transforms = transforms  # type: ignore[attr-defined]
    sys.modules.update({"torchvision": package, "torchvision.transforms": transforms})


def time_maps(frames: int, walks_drawn: int, rounds: int) -> None:
    """Draw the same walks by each, compare them, and print the rates."""
    cv2.setNumThreads(1)
    walks = [walk(frames, seed) for seed in range(walks_drawn)]
    total = frames * walks_drawn
    as_published = MapRule(published=True)
    makers = {
        "ours, as published": lambda: [skeleton_maps(points, as_published) for points in walks],
        "ours": lambda: [skeleton_maps(points) for points in walks],
    }
    home = os.environ.get("OPENGAIT_HOME")
    if home:
        theirs = published(Path(home))
        makers["the published script"] = lambda: [theirs(points) for points in walks]
        pairs = zip(makers["ours, as published"](), makers["the published script"](), strict=True)
        worst = max(int(np.abs(ours.astype(int) - other).max()) for ours, other in pairs)
        print(f"ours, as published, and the script differ by {worst} grey levels at most")
    seconds = in_turns(makers, rounds=rounds, clock=time.process_time)
    report(f"{total} frames, one thread", seconds, "ours, as published")
    rows = [Row(name, None, total / value, "frames/s") for name, value in seconds.items()]
    print(table(rows))


def main() -> None:
    """Time masks or maps."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--maps", action="store_true")
    for name, default in (("frames", 1000), ("workers", 2), ("rounds", 5), ("walks", 4)):
        options.add_argument(f"--{name}", type=int, default=default)
    chosen = options.parse_args()
    if chosen.maps:
        time_maps(chosen.frames // chosen.walks, chosen.walks, chosen.rounds)
    else:
        time_masks(chosen.frames, chosen.workers, chosen.rounds)


if __name__ == "__main__":
    main()

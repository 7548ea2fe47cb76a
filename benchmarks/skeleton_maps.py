"""Skeleton maps a second, ours and the published script's: ``python benchmarks/skeleton_maps.py``.

``OPENGAIT_HOME`` names a checkout of OpenGait, whose script needs scikit-learn and matplotlib. Without it,
ours alone is timed. Both draw the same sequences with one thread, in turns; processor time is counted.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from timing import in_turns, report

from gait_plugins.prepare.poses import MapRule, skeleton_maps

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


def main() -> None:
    """Draw the same walks by each, compare them, and print the rates."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("frames", 60), ("walks", 4), ("rounds", 5)):
        options.add_argument(f"--{name}", type=int, default=default)
    chosen = options.parse_args()
    cv2.setNumThreads(1)
    walks = [walk(chosen.frames, seed) for seed in range(chosen.walks)]
    total = chosen.frames * chosen.walks
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
    seconds = in_turns(makers, rounds=chosen.rounds, clock=time.process_time)
    report(f"{total} frames, one thread", seconds, "ours, as published")
    for name, value in seconds.items():
        print(f"  {name:<34}{total / value:10,.0f} frames/s")


if __name__ == "__main__":
    main()

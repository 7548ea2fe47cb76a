"""Depth images of point clouds: ours against plotting each cloud, saving the figure and reading it back.

    PYTHONPATH=benchmarks python benchmarks/clouds/depth_images.py [--points 800]

The other side is what the published script does, in our words: a figure of the whole panorama for each cloud.
It needs matplotlib (``pip install 'gait-plugins-trackletgait[viz]'``).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from timing import in_turns, report

from gait_plugins.prepare.clouds.projection import HEIGHT, WIDTH, aligned, depth_image, seen_by_scanner


def plotted(cloud: np.ndarray, path: Path) -> np.ndarray:
    seen = seen_by_scanner(cloud)
    figure, axes = plt.subplots(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100)
    axes.scatter(seen.u, seen.v, s=1, c=seen.value, linewidths=0, cmap="jet")
    axes.set_facecolor("black")
    axes.axis("scaled")
    axes.xaxis.set_visible(False)
    axes.yaxis.set_visible(False)
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    figure.savefig(path, dpi=100, bbox_inches="tight", pad_inches=0.0)
    plt.close(figure)
    return aligned(cv2.imread(str(path)), published=True)


def cloud_of(points: int) -> np.ndarray:
    """A person-sized cloud 7 m before the scanner."""
    rng = np.random.default_rng(0)
    z = rng.uniform(-1.5, 0.2, points)
    around = rng.uniform(0, 2 * np.pi, points)
    radius = 0.2 + 0.1 * np.sin(5 * z)
    return np.stack([-7 + radius * np.cos(around), radius * np.sin(around), z], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--processor-time", action="store_true", help="measure processor time, for a machine with other load"
    )
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    cloud = cloud_of(options.points)
    clock = time.process_time if options.processor_time else time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cloud.png"
        ours, other = depth_image(cloud).astype(int), plotted(cloud, path)[..., ::-1].transpose(2, 0, 1)
        print(f"mean difference of the images: {np.abs(ours - other).mean():.1f} of 255")
        ways = {"ours": lambda: depth_image(cloud), "plotted": lambda: plotted(cloud, path)}
        report(
            f"a cloud of {options.points} points, {options.threads} threads",
            in_turns(ways, options.rounds, clock),
            "ours",
        )


if __name__ == "__main__":
    main()

"""Frames a second that masks are prepared with: ``python benchmarks/prepare.py``."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from gait_plugins.prepare import LAYOUTS, Order, prepare

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


def main() -> None:
    """Prepare the same masks several times, and print the median rate."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("frames", 1000), ("workers", 2), ("rounds", 5)):
        options.add_argument(f"--{name}", type=int, default=default)
    chosen = options.parse_args()
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "raw"
        masks_on_disk(source, chosen.frames)
        for turn in range(chosen.rounds):
            order = Order(source, Path(folder) / f"out{turn}", LAYOUTS["own"], workers=chosen.workers)
            began = time.perf_counter()
            record = prepare(order)
            seconds.append(time.perf_counter() - began)
            assert record.frames == chosen.frames
    rate = chosen.frames / statistics.median(seconds)
    print(f"{chosen.frames} masks of {HEIGHT}x{WIDTH}, {chosen.workers} workers: {rate:,.0f} frames/s")


if __name__ == "__main__":
    main()

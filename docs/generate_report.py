"""Draws the picture of ``report.md``: three figures of a report on walkers, side by side.

python docs/generate_report.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

import gait_plugins

PICTURE = Path(__file__).with_name("images") / "report.png"
SHOWN = ("cmc-curve", "views-run1-NM", "probes-worst-1-1")
GAP = 40


def draw(target: Path = PICTURE) -> None:
    """Score the averaged silhouettes of walkers, report on it, and put the figures into one picture."""
    with tempfile.TemporaryDirectory() as folder:
        gait_plugins.test("walkers/gei", [f"output_dir={folder}"], device="cpu")
        (run,) = Path(folder).glob("*/*/demo")
        gait_plugins.report(run, pictures=Path(folder) / "pictures", device="cpu", projection="pca")
        figures = [Image.open(Path(folder) / "pictures" / f"{name}.png").convert("RGB") for name in SHOWN]
    size = sum(each.width + GAP for each in figures) + GAP, max(each.height for each in figures) + GAP
    page = Image.new("RGB", size, "white")
    left = GAP
    for each in figures:
        page.paste(each, (left, (size[1] - each.height) // 2))
        left += each.width + GAP
    small = page.resize((page.width * 5 // 8, page.height * 5 // 8), Image.Resampling.LANCZOS)
    small.quantize(256, Image.Quantize.FASTOCTREE).save(target, "PNG", optimize=True)


if __name__ == "__main__":
    draw()

"""Overlap with the right silhouettes of masks in every form and size: ``python mask_table.py``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from gait_plugins.prepare import align_masks
from gait_plugins.prepare.masks.forms import Choices
from helpers.files.mask_forms import FORMS, SIZES, Form, in_the_picture, overlap, walkers
from helpers.files.prepare_runs import frames_of, gait


def prepared(raw: Path, target: Path, *options: str) -> tuple[int, str, Path | None]:
    """Exit code, text, and the sequence file."""
    names = ("--id", "a", "--type", "b", "--view", "c")
    code, text = gait("prepare", raw, target, *names, *options)
    return code, text, next(iter(sorted(target.rglob("*.pkl"))), None)


def cell(form: Form, size: tuple[int, int], folder: Path) -> str:
    """What becomes of a form at one size."""
    first, second = walkers(size)
    right = align_masks([mask * 255 for mask in first])
    raw = folder / "raw"
    form.write(raw, first, second)
    films = [path for path in raw.iterdir() if path.suffix in (".avi", ".mp4")]
    source = films[0] if films else raw
    code, text, path = prepared(source, folder / "out")
    shown = f"{overlap(frames_of(path), right):.3f}" if path is not None else f"error {code}"
    if form.advice:
        assert form.advice[0] in text, text
        path = prepared(source, folder / "advised", *form.advice)[2]
        shown += f", {' '.join(form.advice)}: {overlap(frames_of(path), right) if path else 0:.3f}"
    if form.soft:
        choices = Choices(invert="--invert" in form.advice)
        cut, best = in_the_picture(sorted(raw.iterdir()), first, choices)
        shown += f" (before alignment {cut:.3f}, best threshold {best:.3f})"
    return shown + ("" if form.says in text else f" NOT SAID: {form.says}")


def main() -> None:
    """Print the table."""
    wanted = sys.argv[1:]
    for name, form in FORMS.items():
        if wanted and name not in wanted:
            continue
        cells = []
        for size in SIZES:
            with tempfile.TemporaryDirectory() as folder:
                cells.append(cell(form, size, Path(folder)))
        print(f"{name:34}", " | ".join(cells), flush=True)


if __name__ == "__main__":
    main()

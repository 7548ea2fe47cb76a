"""Contact sheets: silhouette sequences as one picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, Subset
from gait_plugins.errors import DataError

INK, PAPER, LINE = 40, 255, 210
"""Grey levels of text, background and the lines between rows."""


def contact_sheet(
    source: GaitDataset | Iterable[tuple[str, np.ndarray]],
    path: Path | str,
    *,
    columns: int = 16,
    step: int = 2,
    label_width: int = 96,
) -> Path:
    """Write a PNG with a labelled row of frames, as they are, for each sequence.

    Args:
        source: a data set (:func:`sheet_rows` picks the rows), or rows of label and frames,
            ``[t, h, w]`` or ``[t, c, h, w]`` (the first channel is shown), uint8 or float in [0, 1].
        path: file to write.
        columns: frames of each row; a shorter sequence leaves the rest empty.
        step: every how many frames one is shown.
        label_width: pixels left for the labels.

    Raises:
        DataError: no rows, or the file cannot be written.
    """
    rows = sheet_rows(source) if isinstance(source, GaitDataset) else source
    strips = [_strip(label, frames[::step][:columns], columns, label_width) for label, frames in rows]
    if not strips:
        raise DataError(
            "there are no sequences to show",
            where=str(path),
            hint="choose other identities, conditions or views",
        )
    width = max(strip.shape[1] for strip in strips)
    line = np.full((1, width), LINE, np.uint8)
    page = [np.pad(s, ((0, 0), (0, width - s.shape[1])), constant_values=PAPER) for s in strips]
    sheet = np.vstack([part for strip in page for part in (strip, line)][:-1])
    done, png = cv2.imencode(".png", sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise DataError("the picture could not be encoded", where=str(path))
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(png.tobytes())
    except OSError as error:
        raise DataError(
            f"the picture cannot be written: {error}",
            where=str(target),
            hint="check the free space and that you may write there",
        ) from error
    return target


def sheet_rows(
    dataset: GaitDataset,
    subset: Subset = "test",
    *,
    identities: int = 2,
    types: Sequence[str] | None = None,
    views: Sequence[str] | None = None,
) -> list[tuple[str, np.ndarray]]:
    """Rows for :func:`contact_sheet`: the first identities in the given conditions and views.

    Args:
        dataset: any data set.
        subset: whose identities.
        identities: how many of them.
        types: conditions to show; by default the first of each kind (``nm-01``, ``bg-01``).
        views: views to show; by default three, evenly spread.

    Raises:
        DataError: the data set does not have a condition or view that was asked for.
    """
    refs = dataset.sequences(subset)
    all_types, all_views = sorted({ref.type for ref in refs}), sorted({ref.view for ref in refs})
    for asked, there, name in ((types, all_types, "condition"), (views, all_views, "view")):
        for value in asked or ():
            if value not in there:
                raise DataError(f"the {subset} set has no {name} {value!r}; it has {', '.join(there)}")
    if types is None:
        types = sorted({kind.partition("-")[0]: kind for kind in reversed(all_types)}.values())
    if views is None:
        last = len(all_views) - 1
        views = sorted({all_views[round(i * last / 2)] for i in range(3)}) if all_views else []
    who = sorted({ref.label for ref in refs})[:identities]
    place = {ref[:3]: ref for ref in reversed(refs)}
    order = [(label, kind, view) for label in who for kind in types for view in views]
    return [(_label(place[key]), dataset.load(place[key])[0]) for key in order if key in place]


def _label(ref: SequenceRef) -> str:
    return f"{ref.label} {ref.type} {ref.view}"


def _strip(label: str, frames: np.ndarray, columns: int, label_width: int) -> np.ndarray:
    if frames.ndim == 4:
        frames = frames[:, 0]
    if frames.ndim != 3 or not len(frames):
        raise DataError(f"{label}: frames have shape {frames.shape}, expected [t, h, w]")
    grey = frames if frames.dtype == np.uint8 else np.clip(frames * 255, 0, 255).astype(np.uint8)
    height, width = grey.shape[1:]
    strip = np.full((height, label_width + columns * width), PAPER, np.uint8)
    # As the data are, people white on black, so that masks do not seem to need inverting.
    strip[:, label_width : label_width + len(grey) * width] = np.hstack(list(grey))
    cv2.putText(strip, label, (4, height // 2 + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.36, INK, 1, cv2.LINE_AA)
    return strip

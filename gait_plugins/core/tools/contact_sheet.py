"""Contact sheets: sequences of any streams as one picture."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, Subset
from gait_plugins.core.tools.pictures import at_height, pictures
from gait_plugins.core.tools.png import write_png
from gait_plugins.errors import DataError
from gait_plugins.io.printable import printable
from gait_plugins.io.ragged import Frames

INK, PAPER, LINE = 40, 255, 210
"""Grey levels of text, background and the lines between rows."""
LARGEST = 160
"""Rows of a frame that is shown as it is; larger ones are brought to the height of the others."""


def contact_sheet(
    source: GaitDataset | Iterable[tuple[str, Frames]],
    path: Path | str,
    *,
    columns: int = 16,
    step: int = 2,
    label_width: int = 96,
    compression: int = 9,
) -> Path:
    """Write a PNG with a labelled row of frames, as they are, for each sequence.

    Args:
        source: a data set (:func:`sheet_rows` picks the rows), or rows of label and frames, of any stream
            (see :func:`~gait_plugins.core.tools.pictures.pictures`). A sequence of rows is gone through more
            than once, and one of them is in memory at a time.
        path: file to write.
        columns: frames of each row; a shorter sequence leaves the rest empty.
        step: every how many frames one is shown.
        label_width: pixels left for the labels.
        compression: of the PNG, 0 to 9: how long is spent on making it small.

    Raises:
        DataError: no rows, or the file cannot be written.
    """
    found = sheet_rows(source) if isinstance(source, GaitDataset) else source
    rows = found if isinstance(found, Sequence) else list(found)
    longest = max((len(word) for label, _ in rows for word in label.split()), default=0)
    label_width = max(label_width, 7 * longest + 8 if longest > 12 else 0)

    def strips() -> Iterator[np.ndarray]:
        for label, frames in rows:
            yield _strip(label, _shown(frames, columns, step), columns, label_width)

    shapes = [strip.shape for strip in strips()]
    if not shapes:
        raise DataError(
            "there are no sequences to show",
            where=str(path),
            hint="choose other identities, conditions or views",
        )
    width = max(shape[1] for shape in shapes)
    coloured = any(len(shape) == 3 for shape in shapes)
    height = sum(shape[0] for shape in shapes) + len(shapes) - 1
    line = np.full((1, width, 3) if coloured else (1, width), LINE, np.uint8)

    def page() -> Iterator[np.ndarray]:
        for place, strip in enumerate(strips()):
            if place:
                yield line
            yield _page(strip, width, coloured)

    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_png(target, (height, width, 3 if coloured else 1), page(), compression)
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
) -> list[tuple[str, Frames]]:
    """Rows for :func:`contact_sheet`: the first identities in the given conditions and views.

    A sequence of several declared streams has a row for each.

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
    streams = dataset.streams()
    found: list[tuple[str, Frames]] = []
    for ref in (place[key] for key in order if key in place):
        loaded = dataset.load(ref)
        if streams is None or len(streams) == 1:
            found.append((_label(ref), loaded[0]))
        else:
            found += [(f"{_label(ref)} {s.name}", each) for s, each in zip(streams, loaded, strict=True)]
    return found


def _label(ref: SequenceRef) -> str:
    return f"{ref.label} {ref.type} {ref.view}"


def _shown(frames: Frames, columns: int, step: int) -> np.ndarray:
    if not len(frames):
        return np.zeros((0, 1, 1), np.uint8)
    return pictures(frames.take(np.arange(len(frames))[::step][:columns], axis=0))


def _strip(label: str, shown: np.ndarray, columns: int, label_width: int) -> np.ndarray:
    if not len(shown):
        raise DataError(f"{label}: there is no frame to show")
    if shown.shape[1] > LARGEST:
        shown = at_height(shown)
    height, width = shown.shape[1:3]
    strip = np.full((height, label_width + columns * width, *shown.shape[3:]), PAPER, np.uint8)
    # As the data are, people white on black, so that masks do not seem to need inverting.
    strip[:, label_width : label_width + len(shown) * width] = np.hstack(list(shown))
    label = printable(label)  # bytes that are no UTF-8 end the process in OpenCV
    for number, line in enumerate(textwrap.wrap(label, label_width // 6) or [""]):
        place = (4, 12 + 12 * number if len(label) * 6 > label_width else height // 2 + 4)
        cv2.putText(strip, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (INK,) * 3, 1, cv2.LINE_AA)
    return strip


def _page(strip: np.ndarray, width: int, coloured: bool) -> np.ndarray:
    if coloured and strip.ndim == 2:
        strip = np.repeat(strip[..., None], 3, 2)
    return np.pad(
        strip, ((0, 0), (0, width - strip.shape[1]), *((0, 0),) * (strip.ndim - 2)), constant_values=PAPER
    )

"""Files of annotations in COCO's form."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from helpers.files.mask_forms import walkers

SIZE = (120, 160)
FIRST, SECOND = walkers(SIZE)


def runs(mask: np.ndarray) -> dict[str, Any]:
    """Run lengths that are not compressed: column by column, zeros first."""
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges.tolist(), flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat[0] else counts}


def compressed(mask: np.ndarray) -> dict[str, Any]:
    library = pytest.importorskip("faster_coco_eval.core.mask")
    encoded = library.encode(np.asfortranarray(mask))
    return {"size": list(encoded["size"]), "counts": encoded["counts"].decode("ascii")}


def polygons(mask: np.ndarray) -> list[list[float]]:
    pytest.importorskip("faster_coco_eval")
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [[float(value) for value in outline.ravel()] for outline in outlines]


def annotated(encode: Any = runs, both: bool = False, track: str | None = "track_id") -> dict[str, Any]:
    """A file of ten images; a second person is track 7, and a dog is there."""
    content: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 1, "name": "Person"}, {"id": 2, "name": "dog"}],
    }
    for number, (one, other) in enumerate(zip(FIRST, SECOND, strict=True)):
        size = {"height": SIZE[0], "width": SIZE[1]}
        content["images"].append({"id": number, "file_name": f"eve/nm/090/{number}.jpg", **size})
        for label, mask, category in ((3, one, 1), (7, other, 1), (9, other, 2)):
            if label == 3 or both or category == 2:
                entry = {"image_id": number, "category_id": category, "segmentation": encode(mask)}
                content["annotations"].append(entry | ({track: label} if track else {}))
    return content

"""Modality, camera and image of a sequence: its type is the modality, its view the camera and image.

``types``: ``visible`` or ``thermal``. ``views``: ``<camera>:<image>`` (``cam3:0012``), unique among the
images of an identity in a modality.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from gait_plugins.api import EmbeddingSet

Modality = Literal["visible", "thermal"]

VISIBLE: Modality = "visible"
THERMAL: Modality = "thermal"
MODALITIES: tuple[Modality, Modality] = (VISIBLE, THERMAL)


def view_name(camera: str, image: str) -> str:
    """The view of an image."""
    return f"{camera}:{image}"


def cameras_of(views: np.ndarray) -> np.ndarray:
    """The camera of each view, str ``[n]``."""
    return np.array([view.partition(":")[0] for view in views], dtype=np.str_)


def example_set(visible: tuple[str, ...], thermal: tuple[str, ...], identities: int = 6) -> EmbeddingSet:
    """Made-up embeddings of three images by each camera, for whoever tries a protocol."""
    rng = np.random.default_rng(0)
    rows = [
        (f"{identity:04d}", modality, f"{camera}:{image:04d}")
        for identity in range(identities)
        for modality, cameras in zip(MODALITIES, (visible, thermal), strict=True)
        for camera in cameras
        for image in range(3)
    ]
    labels, types, views = (np.array(column) for column in zip(*rows, strict=True))
    centres = {name: rng.normal(size=(8, 2)) for name in np.unique(labels)}
    noisy = np.stack([centres[name] for name in labels]) + rng.normal(size=(len(rows), 8, 2))
    return EmbeddingSet(noisy.astype(np.float32), labels, types, views, "example")

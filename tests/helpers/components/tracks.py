"""Tracks of made-up people, who differ in their width, and a model and gallery that tell them apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from gait_plugins import Detection, FilmFrame, Sighting
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.films.tracks import Track
from helpers.components.tiny import TINY_YAML, seen_weights

RATE = 10.0
WIDTHS = {"ann": 8, "ben": 14, "cid": 20, "dot": 26}
"""Name -> columns of the body."""


def track(number: int, width: int, begin: float = 0.0, frames: int = 30) -> Track:
    """A track of a body that wide, from a time on."""
    found, pixels = Track(number, 64, begin), np.zeros((80, 80, 3), np.uint8)
    for place in range(frames):
        mask = np.zeros((80, 80), np.uint8)
        mask[8:72, 10 : 10 + width] = 255
        mask[60:72, 10 : 10 + place % 10] = 0
        person = Detection.of_mask(mask)
        assert person is not None
        first = round(begin * RATE)
        found.see(FilmFrame(first + place, (first + place) / RATE, pixels), Sighting(number, person))
    return found


def tiny_files(folder: Path) -> tuple[Path, Path]:
    """A configuration of the tiny plugin without random transforms, and its weights."""
    config, weights = folder / "tiny.yaml", folder / "tiny.pt"
    config.write_text(TINY_YAML.replace("transform: [{type: Shift}]", "transform: [null]"))
    torch.manual_seed(0)
    torch.save({"model": seen_weights()}, weights)
    return config, weights


def tiny_embedder(folder: Path) -> Embedder:
    """An embedder of the tiny plugin."""
    config, weights = tiny_files(folder)
    return Embedder(config, weights, device="cpu")

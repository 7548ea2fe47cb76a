"""Small stand-ins for the published data sets of poses and maps, with the walkers' frames in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.plugins.walkers.streams.declared import KINDS
from gait_plugins.plugins.walkers.streams.points import points
from gait_plugins.plugins.walkers.streams.scene import Scene, Shot
from helpers.files.layout_files import partition, write
from helpers.files.published_sets import SETS, Published

Held = Callable[[int, str], Mapping[str, Any]]
"""A person and a view -> the files of the view folder."""
FRAMES = 8
CLASSES = ("negative", "neutral", "positive")
WALKING = {
    **SETS,
    "Scoliosis1K": Published(None, "evaluate_scoliosis", CLASSES),
    "Gait3D-Parsing": SETS["Gait3D"],
    "FreeGait": Published(500, "evaluate_FreeGait", ("camera1", "camera2"), probes=("9001-camera1-000",)),
    "CCGR-MINI": Published(
        571, "evaluate_CCGR_MINI", ("NM1", "BG1"), gallery=("9001-NM1-000", "9002-NM1-000")
    ),
}


@lru_cache(maxsize=256)
def frames(stream: str, person: int, view: str) -> np.ndarray:
    """A walker's frames of a stream, ``[t, ...]``; walks of a person differ by their view."""
    shot = Shot(Scene(5, person, "nm-01", FRAMES, 25.0, 1.0), view)
    return np.asarray(KINDS[stream].make(shot))


def _poses(stream: str, place: int = 0, files: int = 1) -> Held:
    def held(person: int, view: str) -> Mapping[str, Any]:
        others = {f"{number:02d}-other.pkl": {"no": "poses"} for number in range(files)}
        return {**others, f"{place:02d}-other.pkl": frames(stream, person, view).astype(np.float64)}

    return held


def _maps(person: int, view: str) -> Mapping[str, Any]:
    """As OpenGait's script links them."""
    named = {"0_heatmap.pkl": "skeleton_maps", "1_sil.pkl": "silhouettes"}
    return {file: frames(stream, person, view) for file, stream in named.items()}


def _stacked(*streams: str) -> Held:
    def held(person: int, view: str) -> Mapping[str, Any]:
        parts = [frames(stream, person, view) for stream in streams]
        pictures = [part[:, None] if part.ndim == 3 else part for part in parts]
        return {"maps.pkl": np.concatenate(pictures, 1).astype(np.uint8)}

    return held


def _merged(*names: str) -> Held:
    """As Gait3D's authors lay the files of several sources into one folder."""
    streams = {"pars": "parsing", "sils": "silhouettes", "smpls": "smpl"}

    def held(person: int, view: str) -> Mapping[str, Any]:
        found = {name: frames(streams[name], person, view) for name in names}
        doubles = {name: x.astype(np.float64) if x.dtype == np.float32 else x for name, x in found.items()}
        return {f"{name}-seq0.pkl": content for name, content in doubles.items()}

    return held


def _silhouettes(person: int, view: str) -> Mapping[str, Any]:
    return {"silhouettes.pkl": frames("silhouettes", person, view)}


def clouds(person: int, view: str) -> list[np.ndarray]:
    """As the authors store them: a list of float64 arrays, one a turn of the scanner."""
    shot = Shot(Scene(5, person, "nm-01", 3 * FRAMES, 30.0, 1.0), view)
    return [frame.astype(np.float64) for frame in points(shot)]


@lru_cache(maxsize=64)
def _sustech1k(person: int, view: str) -> Mapping[str, Any]:
    """The 16 files, ten clouds and thirty pictures a second; what no test reads is a stub."""
    names = "LiDAR-PCDs LiDAR-PCDs_depths LiDAR-PCDs_sils Camera-Pose Camera-Ratios-HW Camera-RGB_raw"
    listed = f"{names} Camera-Sils_aligned Camera-Sils_raw".split()
    turns = clouds(person, view)
    held: dict[str, Any] = {f"{n:02d}-{view}-{name}.pkl": {"no": "frames"} for n, name in enumerate(listed)}
    held |= {f"{n + 8:02d}-sync-{view}-{name}.pkl": {"no": "frames"} for n, name in enumerate(listed)}
    depth = np.asarray(KINDS["depth"].make(Shot(Scene(5, person, "nm-01", len(turns), 10.0, 1.0), view)))
    shot = Shot(Scene(5, person, "nm-01", 3 * FRAMES, 30.0, 1.0), view)
    held[f"00-{view}-LiDAR-PCDs.pkl"] = held[f"08-sync-{view}-LiDAR-PCDs.pkl"] = turns
    held[f"01-{view}-LiDAR-PCDs_depths.pkl"] = held[f"09-sync-{view}-LiDAR-PCDs_depths.pkl"] = depth
    held[f"06-{view}-Camera-Sils_aligned.pkl"] = shot.silhouettes
    held[f"14-sync-{view}-Camera-Sils_aligned.pkl"] = shot.silhouettes[::3]
    return held


@lru_cache(maxsize=64)
def _freegait(person: int, view: str) -> Mapping[str, Any]:
    others = {f"{name}.pkl": {"no": "clouds"} for name in ("image", "kp3d", "range_pkl", "smpl")}
    return {**others, "lidar.pkl": clouds(person, view)}


CONTENTS: Mapping[str, Held] = {
    "joints17": _poses("keypoints"),
    "joints18": _poses("keypoints_18"),
    "joints17 of 16 files": _poses("keypoints", 3, 16),
    "maps": _maps,
    "silhouette, parsing, flow": _stacked("silhouettes", "parsing", "flow"),
    "silhouette, parsing": _stacked("silhouettes", "parsing"),
    "silhouette, flow": _stacked("silhouettes", "flow"),
    "silhouettes": _silhouettes,
    "pars": _merged("pars"),
    "sils, smpls": _merged("sils", "smpls"),
    "pars, sils, smpls": _merged("pars", "sils", "smpls"),
    "the 16 files of SUSTech1K": _sustech1k,
    "the 5 files of FreeGait": _freegait,
}
"""What a view folder holds -> its files."""


def walking_copy(data_set: str, contents: str | Held, folder: Path) -> tuple[str, str]:
    """Root and partition of a data set of three people to train on, and two to test on.

    Args:
        data_set: a name in ``WALKING``; types, views and probes are as it has them.
        contents: a key of ``CONTENTS``, or what gives the files of a person in a view.
        folder: where it is laid out.
    """
    published, held = WALKING[data_set], CONTENTS[contents] if isinstance(contents, str) else contents
    train, test = ["0001", "0002", "0003"], ["9001", published.probe_label or "9002"]
    walks = [
        (label, kind, view)
        for person, label in enumerate(train)
        for kind in (CLASSES[person % 3 : person % 3 + 1] if published.walks == CLASSES else ("01", "02"))
        for view in ("000", "090")
    ]
    walks += [(label, kind, view) for label in test for kind in published.walks for view in published.views]
    for label, kind, view in walks:
        seen = "090" if view in ("video", "000") else "036"
        number = int(label[0] + label[-1]) if label.isdigit() else 91
        for file, content in held(number, seen).items():
            write(folder / "data" / label / kind / view / file, content)
    named = {"PROBE_SET": published.probes, "GALLERY_SET": published.gallery}
    listed = {name: list(walks) for name, walks in named.items() if walks is not None}
    return str(folder / "data"), str(partition(folder / f"{data_set}.json", train, test, **listed))

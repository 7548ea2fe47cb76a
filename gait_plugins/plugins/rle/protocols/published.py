"""The protocols of SYSU-MM01, RegDB and LLCM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gait_plugins.api import EmbeddingSet
from gait_plugins.errors import ConfigError
from gait_plugins.metrics import Metric
from gait_plugins.plugins.rle.data.sysu import CAMERAS
from gait_plugins.plugins.rle.modality import THERMAL, VISIBLE, cameras_of, example_set
from gait_plugins.plugins.rle.protocols.cross_spectral import CrossSpectralProtocol, Found
from gait_plugins.plugins.rle.protocols.score_labels import (
    BOTH,
    Direction,
    checked_counts,
    direction_of,
    shots_in_words,
)
from gait_plugins.plugins.rle.protocols.trials import Mode, Side

Search = Literal["all", "indoor"]


class SYSUProtocol(CrossSpectralProtocol):
    """SYSU-MM01: thermal queries (cameras 3 and 6) among visible images, all or indoor cameras.

    Galleries of cameras 1, 2, 4 and 5 (all search) or 1 and 2 (indoor search), with 1 (single-shot) or
    10 (multi-shot) images of each identity and camera. Camera 2 is left out for queries of camera 3,
    which stands at the same place; the CMC counts each identity once. Source: Wu et al., RGB-Infrared
    Cross-Modality Person Re-Identification (ICCV 2017); the galleries are those of the public code of
    arXiv 2411.01225.

    Args:
        metric: distance of two embeddings: ``cos`` (1 - cosine) or ``euc``, the mean over parts.
        modes: cameras of the gallery, ``all`` or ``indoor``.
        shots: gallery images of each identity and camera.
        trials: number of random galleries.
    """

    title = "evaluate_SYSU_MM01"

    def __init__(
        self,
        metric: Metric = "cos",
        modes: Sequence[Search] = ("all", "indoor"),
        shots: Sequence[int] = (1, 10),
        trials: int = 10,
    ) -> None:
        checked_counts(self.title, trials=trials)
        for number in shots:
            checked_counts(self.title, shots=number, least=1)
        self._set(metric, [_sysu(mode, number) for number in shots for mode in modes], trials)


class RegDBProtocol(CrossSpectralProtocol):
    """RegDB: all images of one modality among all of the other, in both directions.

    One of ten splits at a time, which the images' camera names (``split03``): the published figure is
    the mean over the ten splits, a training each. The CMC counts images. Source: Ye et al.,
    Hierarchical Discriminative Learning for Visible Thermal Person Re-Identification (AAAI 2018).

    Args:
        metric: distance of two embeddings: ``cos`` (1 - cosine) or ``euc``, the mean over parts.
        directions: query and gallery modality.
    """

    title = "evaluate_RegDB"

    def __init__(self, metric: Metric = "cos", directions: Sequence[Direction] = BOTH) -> None:
        self._set(metric, [Mode(**direction_of(d, 0), distinct=False) for d in directions], trials=1)

    def _notes(self, data: EmbeddingSet, found: Found) -> list[str]:
        splits = ", ".join(sorted(set(cameras_of(data.views))))
        own = f"this is {splits} of 10: published figures are means over ten splits, with one training each"
        return [own, *super()._notes(data, found)]


class LLCMProtocol(CrossSpectralProtocol):
    """LLCM: near-infrared among visible images and the reverse, one image of each identity and camera.

    Gallery images of the query's own identity and camera are left out; the CMC counts each identity
    once. Source: Zhang and Wang, Diverse Embedding Expansion Network (CVPR 2023); the galleries are
    those of the public code of arXiv 2411.01225.

    Args:
        metric: distance of two embeddings: ``cos`` (1 - cosine) or ``euc``, the mean over parts.
        directions: query and gallery modality.
        trials: number of random galleries.
    """

    title = "evaluate_LLCM"

    def __init__(
        self, metric: Metric = "cos", directions: Sequence[Direction] = BOTH, trials: int = 10
    ) -> None:
        checked_counts(self.title, trials=trials)
        modes = [Mode(**direction_of(d, 1), shots=1, exclude=same_identity_and_camera) for d in directions]
        self._set(metric, modes, trials)

    @classmethod
    def example_data(cls) -> EmbeddingSet:
        return example_set(("cam1", "cam2", "cam3"), ("cam1", "cam2"))


def same_identity_and_camera(queries: Side, gallery: Side) -> np.ndarray:
    """Pairs of one person seen by one camera, bool ``[q, g]``."""
    same_id = queries.ids[:, None] == gallery.ids
    return np.asarray(same_id & (queries.cameras[:, None] == gallery.cameras))


def camera_2_for_camera_3(queries: Side, gallery: Side) -> np.ndarray:
    """Pairs of SYSU-MM01's cameras 3 and 2, which stand at the same place, bool ``[q, g]``."""
    return np.asarray((queries.cameras == "cam3")[:, None] & (gallery.cameras == "cam2"))


def _sysu(mode: Search, shots: int) -> Mode:
    cameras = {"all": CAMERAS[VISIBLE], "indoor": ("cam1", "cam2")}
    if mode not in cameras:
        raise ConfigError(f"SYSU-MM01 has no mode {mode!r}", hint="choose from modes: [all, indoor]")
    return Mode(
        name=f"thermal to visible, {mode} search, {shots_in_words(shots)}",
        key=f"T2V {mode} {shots}-shot",
        query=THERMAL,
        gallery=VISIBLE,
        query_cameras=CAMERAS[THERMAL],
        gallery_cameras=cameras[mode],
        shots=shots,
        exclude=camera_2_for_camera_3,
    )

"""Looks at a track: its silhouettes and joints as sequences for a model, several of a long track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, Silhouettes, Stream, Subset
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.tools.embeddings import Embeddings
from gait_plugins.errors import ConfigError
from gait_plugins.films.gait import GAP
from gait_plugins.films.tracks import Track
from gait_plugins.skeleton import ORDERS, Keypoints

LOOK = 720
"""Silhouettes of a look, at most. Shorter looks are no better than the whole track, and cannot be compared
with sequences that were embedded whole: of 22 tracks of a street film, 20 found their other half as wholes,
20 by the mean of looks of 5 s, and 13 where one side was a whole and the other a mean."""
BLOCK = 2.5
"""Seconds of a block, two gait cycles: the blocks of a long track go to its looks in turn."""
_GIVEN = ("silhouettes", "keypoints")


def looks_at(times: np.ndarray) -> list[np.ndarray]:
    """The frames of each look at a track, as places in its silhouettes.

    A track of :data:`LOOK` silhouettes or fewer is looked at once, as a whole. The blocks of a longer one go
    to its looks in turn, so that each sees the person early and late, and from all sides.

    Args:
        times: seconds of each silhouette, ascending, ``[t]``, not empty.
    """
    count = -(-len(times) // LOOK)
    if count == 1:
        return [np.arange(len(times))]
    blocks = (np.minimum(np.diff(times, prepend=times[0]), GAP).cumsum() / BLOCK).astype(int)
    found = [np.flatnonzero(blocks % count == look) for look in range(count)]
    return [places for places in found if len(places)]


class TrackLooks(GaitDataset):
    """Looks at tracks as sequences in memory.

    Args:
        tracks: each with a silhouette at least.
        names: of the streams that are given, silhouettes and keypoints; None: silhouettes without a name.
    """

    def __init__(self, tracks: Sequence[Track], names: Sequence[str] | None) -> None:
        self._tracks = tracks
        self._names = names
        self._looks = [(track, places) for track in tracks for places in looks_at(track.times())]
        self.tracks = [place for place, track in enumerate(tracks) for _ in looks_at(track.times())]
        """Of each sequence the place of its track."""

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        return [
            SequenceRef("", "", f"track {track.number}, look {place}", place)
            for place, (track, _) in enumerate(self._looks)
        ]

    def load(self, ref: SequenceRef) -> list[Any]:
        track, places = self._looks[ref.source]
        kinds = {"silhouettes": track.frames, "keypoints": track.joints}
        return [
            np.stack([kinds[name][place] for place in places.tolist()]) for name in self._names or _GIVEN[:1]
        ]

    def streams(self) -> tuple[Stream, ...] | None:
        if self._names is None:
            return None
        leader = self._names[0]
        kinds: dict[str, Stream] = {"silhouettes": Silhouettes()}
        if "keypoints" in self._names:
            kinds["keypoints"] = _keypoints(self._tracks)
        return tuple(kinds[name].changed(clock=None if name == leader else leader) for name in self._names)

    def times(self, ref: SequenceRef) -> Mapping[str, np.ndarray]:
        if self._names is None:
            return {}
        track, places = self._looks[ref.source]
        return {self._names[0]: track.times()[places]}


def embed_tracks(embedder: Embedder, tracks: Sequence[Track]) -> Embeddings:
    """An embedding of each track: the mean of those of its looks.

    Args:
        embedder: the model.
        tracks: each with a silhouette at least.

    Raises:
        ConfigError: the model takes what films do not give.
        DataError: an embedding is NaN or infinite.
    """
    require_streams(embedder, all(track.joints for track in tracks))
    dataset = TrackLooks(tracks, _wanted(embedder))
    found = embedder.sequences(dataset)
    of_track = np.array(dataset.tracks)
    values = [found.embeddings[of_track == place].mean(0) for place in range(len(tracks))]
    whole = found.rows([int(np.argmax(of_track == place)) for place in range(len(tracks))])
    names = np.array([f"track {track.number}" for track in tracks])
    return replace(whole, embeddings=np.stack(values), names=names, views=np.full(len(tracks), ""))


def require_streams(embedder: Embedder, with_joints: bool) -> None:
    """See before any work that films give what a model takes.

    Args:
        embedder: the model.
        with_joints: whether a pose estimator looks for joints.

    Raises:
        ConfigError: they do not.
    """
    names = _wanted(embedder)
    unknown = [name for name in names or () if name not in _GIVEN]
    if unknown:
        raise ConfigError(
            f"the model takes {', '.join(names or ())}, but films give {' and '.join(_GIVEN)}: missing "
            f"is {', '.join(unknown)}",
            where=embedder.config.source or "films",
            hint="choose a model of silhouettes or keypoints",
        )
    if "keypoints" in (names or ()) and not with_joints:
        raise ConfigError(
            "the model takes keypoints, and no joints are looked for in the film",
            where="video_cfg.pose_estimator",
            hint="choose an estimator: gait-plugins plugins list --kind pose_estimator",
        )


def _wanted(embedder: Embedder) -> list[str] | None:
    """The streams that a configuration names: by its model, or by its data."""
    if embedder.model.streams:
        return [stream.name for stream in embedder.model.streams]
    section = embedder.config.data_cfg
    named = section.dataset.options.get("streams")
    if isinstance(named, Mapping):
        return list(named)
    return ["silhouettes"] if section.clocks else None


def _keypoints(tracks: Sequence[Track]) -> Keypoints:
    """The stream of the joints that tracks have: known orders differ in their numbers."""
    count = len(tracks[0].joints[0])
    known = next((name for name, order in ORDERS.items() if len(order) == count), None)
    if known is None:
        raise ConfigError(
            f"the pose estimator finds {count} joints, an order that no model of keypoints knows",
            where="video_cfg.pose_estimator",
            hint="choose another one: gait-plugins plugins list --kind pose_estimator",
        )
    return Keypoints(known)  # type: ignore[arg-type]

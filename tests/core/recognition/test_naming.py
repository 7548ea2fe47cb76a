"""Names of tracks: from a gallery and its threshold, several looks at a long track, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.components.tiny import TinyModel
from helpers.components.tracks import WIDTHS, tiny_embedder, tiny_files, track

from gait_plugins import SILHOUETTES, Stream
from gait_plugins.core.galleries.conversion import enroll_in
from gait_plugins.core.galleries.store import Gallery
from gait_plugins.core.recognition.looks import LOOK, TrackLooks, embed_tracks, looks_at
from gait_plugins.core.recognition.naming import Namer
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.tools.embeddings import write_embeddings
from gait_plugins.errors import CheckpointError, ConfigError, DataError


@pytest.fixture
def embedder(tiny: object, tmp_path: Path) -> Embedder:
    return tiny_embedder(tmp_path)


@pytest.fixture
def gallery(embedder: Embedder, tmp_path: Path) -> Path:
    """Ann, Ben and Cid; nobody has enrolled Dot."""
    known = {name: WIDTHS[name] for name in ("ann", "ben", "cid")}
    found = embed_tracks(embedder, [track(n, width) for n, width in enumerate(known.values(), 1)])
    enroll_in(tmp_path / "people", replace(found, labels=np.array(list(known))))
    return tmp_path / "people"


def distance(gallery: Path) -> float:
    """Half of the smallest distance between two people."""
    with Gallery(gallery) as store:
        values = store.read(store.rows(), np.arange(3)).reshape(3, -1)
    return float(min(np.linalg.norm(values[a] - values[b]) for a, b in ((0, 1), (1, 2), (0, 2)))) / 2


def test_tracks_bear_the_names_of_the_gallery_within_its_threshold(embedder: Embedder, gallery: Path):
    limit = distance(gallery)
    with Gallery(gallery) as store:
        store.keep_threshold("euc", {"threshold": limit, "people": 3, "sequences": 3})
    with Namer(embedder, gallery, top=1) as namer:
        assert namer.name([]) == []
        found = namer.name([track(1, WIDTHS["cid"]), track(2, 40), track(3, WIDTHS["ann"], frames=47)])
    assert [each.identity for each in found] == ["cid", None, "ann"]
    assert [len(each.candidates) for each in found] == [1, 1, 1]
    first, other, _ = found
    assert first.threshold == other.threshold == pytest.approx(limit)
    assert first.distance < limit < other.distance
    assert first.margin is not None
    assert first.margin > limit
    said = first.as_dict()
    assert said["candidates"][0]["identity"] == said["identity"] == "cid"
    assert "embedding" not in said


def test_without_a_threshold_the_nearest_is_named_with_a_warning(
    embedder: Embedder, gallery: Path, caplog: pytest.LogCaptureFixture
):
    with Namer(embedder, gallery) as namer:
        [found] = namer.name([track(1, 40)])
    assert found.identity is not None
    assert found.threshold is None
    assert "has no threshold" in caplog.text
    caplog.clear()
    with Namer(embedder, gallery, unknown_above=0.0) as namer:
        [found] = namer.name([track(1, 40)])
    assert found.identity is None
    assert "has no threshold" not in caplog.text


def test_a_file_of_the_old_form_serves_too(embedder: Embedder, gallery: Path, tmp_path: Path):
    found = embed_tracks(embedder, [track(1, WIDTHS["ann"])])
    write_embeddings(tmp_path / "old.npz", replace(found, labels=np.array(["ann"])))
    with Namer(embedder, tmp_path / "old.npz", unknown_above=0.01) as namer:
        [same, other] = namer.name([track(1, WIDTHS["ann"]), track(2, 40)])
    assert (same.identity, same.margin) == ("ann", None)
    assert other.identity is None


def test_people_who_are_enrolled_meanwhile_are_named(embedder: Embedder, gallery: Path):
    with Namer(embedder, gallery, unknown_above=distance(gallery) / 10) as namer:
        [before] = namer.name([track(1, 40)])
        new = embed_tracks(embedder, [track(9, 40)])
        enroll_in(gallery, replace(new, labels=np.array(["eve"]), names=np.array(["later"])))
        [after] = namer.name([track(1, 40)])
    assert (before.identity, after.identity) == (None, "eve")


def test_what_cannot_be_compared_or_trusted_is_refused(embedder: Embedder, gallery: Path, tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        Namer(embedder, tmp_path / "none.gallery")
    with pytest.raises(ConfigError, match="top is 9"):
        Namer(embedder, gallery, top=9)
    with pytest.raises(ConfigError, match="expected euc or cos"):
        Namer(embedder, gallery, metric="l1")
    config, weights = tiny_files(tmp_path)
    torch.save({"model": TinyModel().state_dict()}, weights)
    fresh = Embedder(config, weights, device="cpu")
    with pytest.raises(CheckpointError, match="another origin"):
        Namer(fresh, gallery)
    with Gallery.make(tmp_path / "empty", embedder.origin, (4, 1)):
        pass
    with pytest.raises(DataError, match="the gallery is empty"):
        Namer(embedder, tmp_path / "empty")
    with Gallery.make(tmp_path / "untrained", fresh.origin, (4, 1)) as store:
        origin = store.origin
    found = embed_tracks(fresh, [track(1, 20)])
    enroll_in(tmp_path / "untrained", replace(found, labels=np.array(["ann"]), origin=origin))
    with pytest.raises(CheckpointError, match="may name nobody"):
        Namer(fresh, tmp_path / "untrained")


def test_a_long_track_is_looked_at_several_times_in_turn():
    times = np.arange(2000) / 10
    looks = looks_at(times)
    assert len(looks) == 3
    assert sorted(np.concatenate(looks).tolist()) == list(range(2000))
    # Each sees the person early and late.
    assert all(look[0] < 100 and look[-1] > 1900 for look in looks)
    assert {len(look) // 100 for look in looks} == {6}
    assert [len(look) for look in looks_at(times[:LOOK])] == [LOOK]
    assert [look.tolist() for look in looks_at(times[:1])] == [[0]]


def test_looks_are_averaged(embedder: Embedder, monkeypatch: pytest.MonkeyPatch):
    long = track(1, 20, frames=120)
    [whole] = embed_tracks(embedder, [long]).embeddings
    monkeypatch.setattr("gait_plugins.core.recognition.looks.LOOK", 60)
    short = track(2, 8)
    found = embed_tracks(embedder, [long, short]).embeddings
    looks = embedder.sequences(TrackLooks([long], None)).embeddings
    assert len(looks) == 2
    assert np.allclose(found[0], looks.mean(0), atol=1e-6)
    assert not np.allclose(found[0], whole, atol=1e-6)
    assert np.allclose(found[1], embed_tracks(embedder, [short]).embeddings[0], atol=1e-6)


def test_streams_that_films_lack_are_told(embedder: Embedder):
    joints = track(1, 20)
    embedder.model.streams = (Stream("keypoints", (17, 3), "float32"),)
    with pytest.raises(ConfigError, match="no joints are looked for in the film"):
        embed_tracks(embedder, [joints])
    joints.joints = [np.ones((17, 3), np.float32)] * 30
    dataset = TrackLooks([joints], ["keypoints", "silhouettes"])
    keypoints, silhouettes = dataset.streams() or ()
    assert (keypoints.name, keypoints.shape, silhouettes.clock) == ("keypoints", (17, 3), "keypoints")
    [ref] = dataset.sequences("test")
    assert [frames.shape for frames in dataset.load(ref)] == [(30, 17, 3), (30, 64, 64)]
    joints.joints = [np.ones((11, 3), np.float32)] * 30
    with pytest.raises(ConfigError, match="finds 11 joints"):
        TrackLooks([joints], ["keypoints"]).streams()
    embedder.model.streams = (SILHOUETTES, Stream("depth", ("h", "w")))
    with pytest.raises(ConfigError, match="missing is depth"):
        embed_tracks(embedder, [joints])

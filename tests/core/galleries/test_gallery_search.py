"""People are found in a gallery as in a file of embeddings, whatever index names the candidates."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.files.gallery_files import embeddings, gallery_of

from gait_plugins import (
    CheckpointError,
    ComponentFailure,
    ConfigError,
    DataError,
    GalleryIndex,
    StoredVectors,
)
from gait_plugins.config import build
from gait_plugins.core.galleries import search
from gait_plugins.core.galleries.search import RowVectors, identify_in
from gait_plugins.core.galleries.store import Gallery
from gait_plugins.core.tools.identification import Answer
from gait_plugins.metrics import Metric


class Listed(GalleryIndex):
    """Names what it is told to."""

    def __init__(self, *rows: list[int]) -> None:
        self.rows, self.asked = rows, []

    def build(self, vectors: StoredVectors, metric: Metric) -> None:
        self.size = len(vectors)

    def candidates(self, probes: np.ndarray, count: int) -> np.ndarray:
        self.asked.append(count)
        row = self.rows[min(len(self.asked), len(self.rows)) - 1]
        return np.array([row + [-1] * (count - len(row))] * len(probes), np.int64)


def said(answers: list[Answer]) -> list[list[tuple[str, str]]]:
    return [[(match.identity, match.sequence) for match in answer.matches] for answer in answers]


def test_fillers_of_an_index_are_nobody(tmp_path: Path) -> None:
    with gallery_of(tmp_path / "g", embeddings(4, 1)) as gallery:
        index = Listed([2, -1, -1], [2, -1, -1, -1])
        [answer] = identify_in(gallery, embeddings(1, 1, seed=3), top=3, index=index)
        # The probe is of person-000: the last row, which -1 would be in numpy, is not named.
        assert [match.identity for match in answer.matches] == ["person-002"]
        assert index.asked == [3, 4]
        with pytest.raises(ComponentFailure, match="no candidate at all"):
            identify_in(gallery, embeddings(1, 1, seed=3), index=Listed([]))


@pytest.mark.parametrize("row", [[0, 4], [0, -2]])
def test_places_that_there_are_not_are_the_fault_of_the_index(tmp_path: Path, row: list[int]) -> None:
    said = "Listed names the places"
    with (
        gallery_of(tmp_path / "g", embeddings(4, 1)) as gallery,
        pytest.raises(ComponentFailure, match=said),
    ):
        identify_in(gallery, embeddings(1, 1), top=2, index=Listed(row))


def test_candidates_of_one_person_alone_are_not_enough(tmp_path: Path) -> None:
    with gallery_of(tmp_path / "g", embeddings(3, 4)) as gallery:
        index = Listed([0, 1], [0, 1, 2, 3, 4, 5, 8, 9], list(range(12)))
        [answer] = identify_in(gallery, embeddings(1, 1, seed=3), top=3, index=index)
        assert index.asked == [3, 12] or index.asked == [3, 12, 12]
        assert len(answer.matches) == 3


def test_candidates_are_ranked_by_their_exact_distance(tmp_path: Path) -> None:
    data, probes = embeddings(20, 2), embeddings(20, 1, seed=5)
    with gallery_of(tmp_path / "g", data) as gallery:
        found = identify_in(gallery, probes, top=3, index=Listed([*range(39, -1, -1)]))
        assert said(found) == said(identify_in(gallery, probes, top=3))


def test_a_gallery_that_never_rests_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gallery, "entry", lambda self, key: None)
    said = "removed from the gallery 5 times while it was searched"
    with gallery_of(tmp_path / "g", embeddings(2, 1)) as gallery, pytest.raises(DataError, match=said):
        identify_in(gallery, embeddings(1, 1))


def test_what_cannot_be_searched_is_told(tmp_path: Path) -> None:
    data = embeddings(2, 1)
    with gallery_of(tmp_path / "g", data) as gallery:
        with pytest.raises(CheckpointError, match="another origin"):
            identify_in(gallery, replace(data, origin=replace(data.origin, checkpoint="xyz")))
        with pytest.raises(ConfigError, match="holds 2 identities"):
            identify_in(gallery, data, top=3)
        with pytest.raises(DataError, match="8 channels x 3 parts, the probes have 8 x 2"):
            identify_in(gallery, replace(data, embeddings=data.embeddings[:, :, :2]))
        broken = data.embeddings.copy()
        broken[1, 0, 0] = np.nan
        with pytest.raises(DataError, match="NaN or infinite, the first of person-001-s0-0"):
            identify_in(gallery, replace(data, embeddings=broken))
        gallery.remove(["person-000", "person-001"])
        with pytest.raises(DataError, match="the gallery is empty"):
            identify_in(gallery, data)


def test_each_vector_is_verified_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with gallery_of(tmp_path / "g", embeddings(4, 1)) as gallery:
        seen: list[bool] = []
        read = gallery.read
        monkeypatch.setattr(
            gallery, "read", lambda *given, verify: (seen.append(verify), read(*given, verify=verify))[1]
        )
        vectors = RowVectors(gallery, gallery.rows())
        for places in ([0, 1], [1, 0], [1, 2], [0, 1, 2]):
            vectors.take(np.array(places))
        assert seen == [True, False, True, False]
    assert search.AT_ONCE > 1


def test_faiss_names_candidates_that_are_ranked_exactly(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    data, probes = embeddings(700, 4), embeddings(700, 1, seed=1)
    with gallery_of(tmp_path / "g", data) as gallery:
        for metric in ("euc", "cos"):
            index = build("index", {"type": "faiss", "factory": "SQ8", "keep": 20})
            found = identify_in(gallery, probes, top=1, metric=metric, index=index)
            assert said(found) == said(identify_in(gallery, probes, top=1, metric=metric))
        # Numbers are places, each once: FAISS itself takes one number twice without a word.
        vectors = RowVectors(gallery, gallery.rows())
        index = build("index", {"type": "faiss", "keep": 50})
        index.build(vectors, "euc")
        for row in index.candidates(probes.embeddings[:20], 50):
            assert len(set(row.tolist())) == 50
        # Its torch helpers change how it takes arrays, halves and slices among them.
        assert not [name for name in sys.modules if name.startswith("faiss.contrib")]
        with pytest.raises(ConfigError, match="which FAISS refuses"):
            identify_in(gallery, probes, index=build("index", {"type": "faiss", "factory": "nonsense"}))

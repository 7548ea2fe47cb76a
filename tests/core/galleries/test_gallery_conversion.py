"""Old galleries become lasting ones and the other way round; both are read as embeddings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.files.gallery_files import SHAPE, embeddings, gallery_of

from gait_plugins import CheckpointError, ConfigError, DataError
from gait_plugins.core.galleries.conversion import convert, enroll_in, read_any
from gait_plugins.core.galleries.store import Gallery
from gait_plugins.core.galleries.stores import is_file_form
from gait_plugins.core.tools.embeddings import Embeddings, read_embeddings, write_embeddings


def same(a: Embeddings, b: Embeddings) -> bool:
    names = ("embeddings", "labels", "types", "views", "names")
    order = np.argsort(a.names), np.argsort(b.names)
    return a.origin == b.origin and all(
        np.array_equal(getattr(a, name)[order[0]], getattr(b, name)[order[1]]) for name in names
    )


def test_a_file_becomes_a_gallery_and_a_file_again(tmp_path: Path) -> None:
    data = embeddings(4, 3)
    write_embeddings(tmp_path / "old.npz", data)
    assert convert(tmp_path / "old.npz", tmp_path / "new") == 12
    assert same(read_any(tmp_path / "new"), data)
    with Gallery(tmp_path / "new") as gallery:
        assert all(entry.when for entry in gallery.entries())
    assert convert(tmp_path / "new", tmp_path / "again.npz") == 12
    assert same(read_embeddings(tmp_path / "again.npz"), data)
    assert (tmp_path / "again.npz").stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.npz", "new", "old.npz"]


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path) -> None:
    data = embeddings(3, 1)
    write_embeddings(tmp_path / "old.npz", replace(data, embeddings=data.embeddings * 1e6))
    with pytest.raises(DataError, match="numbers beyond float16"):
        convert(tmp_path / "old.npz", tmp_path / "new", "float16")
    assert [path.name for path in tmp_path.iterdir()] == ["old.npz"]


def test_what_cannot_be_converted_is_told(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "old.npz", embeddings(2, 1))
    with pytest.raises(DataError, match="something under this name"):
        convert(tmp_path / "old.npz", tmp_path / "old.npz")
    with pytest.raises(ConfigError, match="a folder named NAME or"):
        convert(tmp_path / "old.npz", tmp_path / "new.csv")
    write_embeddings(tmp_path / "nameless.npz", replace(embeddings(2, 1), labels=np.array(["", "a"])))
    with pytest.raises(DataError, match="have no identity"):
        convert(tmp_path / "nameless.npz", tmp_path / "new")
    gallery_of(tmp_path / "g", embeddings(1, 1)).close()
    with pytest.raises(ConfigError, match="both are galleries in folders"):
        convert(tmp_path / "g", tmp_path / "new")


def test_the_name_tells_the_form_of_a_new_gallery(tmp_path: Path) -> None:
    (tmp_path / "old.xyz").write_bytes(b"")
    forms = {"g": False, "g.gallery": False, "G.NPZ": True, "old.xyz": True}
    assert {name: is_file_form(tmp_path / name) for name in forms} == forms


def test_a_sample_is_the_same_each_time(tmp_path: Path) -> None:
    data = embeddings(50, 2)
    gallery_of(tmp_path / "g", data).close()
    write_embeddings(tmp_path / "g.npz", data)
    some = read_any(tmp_path / "g", 20)
    assert len(set(some.names.tolist())) == 20
    assert same(some, read_any(tmp_path / "g", 20))
    assert same(some, read_any(tmp_path / "g.npz", 20))


def test_a_gallery_keeps_its_origin_and_type(tmp_path: Path) -> None:
    data = embeddings(2, 1)
    assert enroll_in(tmp_path / "g", data, dtype="float16") == 2
    assert enroll_in(tmp_path / "g", data) == 0
    with pytest.raises(ConfigError, match="vectors are float16, and --dtype asks for float32"):
        enroll_in(tmp_path / "g", data, dtype="float32")
    with pytest.raises(CheckpointError, match="another origin: checkpoint abc, now xyz"):
        enroll_in(tmp_path / "g", replace(data, origin=replace(data.origin, checkpoint="xyz")))
    with pytest.raises(DataError, match=f"{SHAPE[0]} channels x {SHAPE[1]} parts"):
        enroll_in(
            tmp_path / "g", replace(embeddings(1, 1, first=7), embeddings=np.ones((1, 2, 2), np.float32))
        )

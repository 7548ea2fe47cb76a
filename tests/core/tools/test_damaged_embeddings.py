"""Embedding files, galleries and sequence archives that have changed on their way are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.components.tiny import TINY_YAML, TinyModel, seen_weights
from helpers.damage import flipped, outcomes, spread, truncated, zeroed
from typer.testing import CliRunner

from gait_plugins import DataError
from gait_plugins.cli import app
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.tools.embeddings import Embeddings, Origin, read_embeddings, write_embeddings
from gait_plugins.io.sequence_file import read_frames


def gallery(path: Path) -> None:
    drawn = np.random.default_rng(0)
    names = np.array([f"{number:03d}" for number in range(60)])
    values = drawn.normal(size=(60, 16, 2)).astype(np.float32)
    write_embeddings(path, Embeddings(values, names, names, names, names, Origin("m", "c", (64, 44))))


def as_read(path: Path) -> dict[str, object]:
    return dict(vars(read_embeddings(path)))


def test_no_damage_of_a_gallery_is_taken(tmp_path: Path):
    path = tmp_path / "g.npz"
    gallery(path)
    content = path.read_bytes()
    found = outcomes(path, flipped(content, spread(content, 200)), as_read, DataError)
    assert found["silent"] == found["nameless"] == 0
    assert found["told"] > 100
    assert set(outcomes(path, truncated(content), as_read, DataError)) == {"told"}
    assert outcomes(path, zeroed(content), as_read, DataError)["silent"] == 0


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_no_damage_of_a_sequence_archive_is_taken(tmp_path: Path, save):
    path = tmp_path / "walk.npz"
    save(path, np.random.default_rng(0).integers(0, 2, (9, 32, 22), np.uint8) * 255)
    content = path.read_bytes()
    found = outcomes(path, flipped(content, spread(content, 200)), read_frames, DataError)
    assert found["silent"] == found["nameless"] == 0
    assert found["told"] > 100
    assert set(outcomes(path, truncated(content), read_frames, DataError)) == {"told"}


def test_embeddings_that_are_no_numbers_are_refused(tmp_path: Path):
    path = tmp_path / "g.npz"
    gallery(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["embeddings"][3, 2, 1] = np.nan
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=r"g\.npz: 1 of 60 embeddings are NaN or infinite"):
        read_embeddings(path)


@pytest.mark.usefixtures("tiny")
def test_a_damaged_gallery_ends_identify_and_enroll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(TINY_YAML)
    torch.save({"model": seen_weights()}, "a.pt")
    np.savez("walk.npz", np.zeros((5, 8, 8), np.uint8))
    gallery(Path("g.npz"))
    content = bytearray(Path("g.npz").read_bytes())
    content[content.index(read_embeddings(Path("g.npz")).embeddings.tobytes()) + 50] ^= 8
    Path("g.npz").write_bytes(content)
    for command in ("identify", "enroll"):
        words = [command, "tiny.yaml", "walk.npz", "--gallery", "g.npz", "--checkpoint", "a.pt"]
        result = CliRunner().invoke(app, [*words, "--device", "cpu"])
        assert result.exit_code == 2
        assert "g.npz: the file is truncated or damaged" in result.output
        assert "embeddings.npy does not match its checksum" in result.output
    assert Path("g.npz").read_bytes() == content


@pytest.mark.usefixtures("tiny")
def test_embeddings_that_overflow_are_told(tmp_path: Path):
    (tmp_path / "tiny.yaml").write_text(TINY_YAML)
    model = TinyModel()
    model.conv.weight.data.fill_(3e38)
    model.norm.running_var.fill_(0)
    torch.save({"model": model.state_dict()}, tmp_path / "a.pt")
    embedder = Embedder(tmp_path / "tiny.yaml", tmp_path / "a.pt", device="cpu")
    with pytest.raises(DataError, match="1 of 1 embeddings are NaN or infinite"):
        embedder.arrays([np.full((5, 8, 8), 255, np.uint8)])

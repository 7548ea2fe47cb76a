"""Every published checkpoint of every installed package: its facts, its configuration, its file if here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.components.published import Teller, published
from helpers.components.tiny import TinyModel

from gait_plugins import CheckpointError, PackageFile
from gait_plugins.authors.sweep import checkpoints_of, components_of, try_checkpoint
from gait_plugins.core.weights.cache import file_of
from gait_plugins.io.atomic import file_sha256
from gait_plugins.registry.manager import Manager
from gait_plugins.registry.published import NamedCheckpoint

ENTRIES = Manager().checkpoints()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.qualified)
def test_a_published_checkpoint_keeps_the_contract(entry: NamedCheckpoint):
    told = entry.published
    assert len(told.sha256) == 64
    assert told.licence.strip()
    try_checkpoint(entry)
    if isinstance(told.address, PackageFile):
        assert file_sha256(file_of(entry)) == told.sha256
        assert file_of(entry).stat().st_size == told.bytes <= 2_000_000


@pytest.fixture
def shipped(tiny: Manager, tiny_yaml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that ships a checkpoint of the tiny model, and nothing else."""
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "acme_tiny_weights" / "net.pt"
    file.parent.mkdir()
    (file.parent / "__init__.py").write_text("")
    torch.save({"model": TinyModel().state_dict()}, file)
    entry = published(PackageFile("acme_tiny_weights", "net.pt"), file.read_bytes(), str(tiny_yaml))
    tiny.register(Teller({"acme/tiny": entry}), distribution="acme-gait")
    return file


def test_a_package_of_weights_alone_is_swept(shipped: Path):
    assert components_of("acme-gait") == []
    [entry] = checkpoints_of("acme-gait")
    try_checkpoint(entry)


def test_a_damaged_file_is_found(shipped: Path):
    shipped.write_bytes(shipped.read_bytes()[:-1])
    [entry] = checkpoints_of("acme-gait")
    with pytest.raises(CheckpointError, match="is not the published checkpoint"):
        try_checkpoint(entry)


def test_weights_of_another_model_are_found(tiny: Manager, shipped: Path, tiny_yaml: Path):
    tiny_yaml.write_text(tiny_yaml.read_text().replace("TinyModel}", "TinyModel, channels: 7}"))
    [entry] = checkpoints_of("acme-gait")
    with pytest.raises(AssertionError, match="its weights do not fit TinyModel"):
        try_checkpoint(entry)

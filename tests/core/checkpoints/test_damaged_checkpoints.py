"""A checkpoint that has changed on its way is refused; one that is old, or none of ours, is read."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.components.tiny import TinyModel
from helpers.components.tiny_training import run
from helpers.damage import directory_bits, flipped, outcomes, spread, truncated, zeroed
from helpers.files.checkpoint_files import KINDS, large_tensors
from torch import nn
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.core.checkpoints.files import load_checkpoint, restore_model, save_checkpoint
from gait_plugins.errors import CheckpointError
from gait_plugins.io.archive import Archive


def told(path: Path, damages: Any) -> Counter[str]:
    return outcomes(path, damages, load_checkpoint, CheckpointError)


def gait(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def damage(path: Path, weight: torch.Tensor) -> None:
    """Flip a bit in the middle of a weight."""
    content = bytearray(path.read_bytes())
    place = content.index(weight.numpy().tobytes())
    content[place + weight.nbytes // 2] ^= 0x40
    path.write_bytes(content)


@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_is_taken(kind: str, tmp_path: Path):
    path = tmp_path / "a.pt"
    KINDS[kind](path)
    found = told(path, flipped(path.read_bytes(), spread(path.read_bytes(), 60)))
    assert found["silent"] == 0
    assert found["told"] > 20  # the rest hits the filling between tensors, or times of files


@pytest.mark.heavy
@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_of_many_is_taken(kind: str, tmp_path: Path):
    path = tmp_path / "a.pt"
    KINDS[kind](path)
    assert told(path, flipped(path.read_bytes(), spread(path.read_bytes(), 1500, seed=1)))["silent"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_no_zeroed_block_and_no_cut_is_taken(kind: str, tmp_path: Path):
    path = tmp_path / "a.pt"
    KINDS[kind](path)
    content = path.read_bytes()
    blocks = list(zeroed(content))
    assert told(path, blocks[:: max(1, len(blocks) // 30)])["silent"] == 0
    cut = told(path, truncated(content))
    assert set(cut) == {"told"}


def test_no_flipped_flag_of_the_directory_is_taken(tmp_path: Path):
    path = tmp_path / "a.pt"
    KINDS["from elsewhere"](path)
    bits = directory_bits(path.read_bytes())
    assert told(path, flipped(path.read_bytes(), bits[::23]))["silent"] == 0


def test_the_error_names_the_file_and_the_member(tmp_path: Path):
    path = tmp_path / "a.pt"
    large_tensors(path)
    damage(path, load_checkpoint(path)["model"]["a"])
    with pytest.raises(
        CheckpointError, match=r"a\.pt: the file is truncated or damaged .*data/0 does not match"
    ):
        load_checkpoint(path)


@pytest.mark.usefixtures("tiny")
def test_every_command_refuses_a_damaged_checkpoint(tiny_yaml: Path, tmp_path: Path):
    run(tiny_yaml, "trainer_cfg.total_iter=4")
    path = tmp_path / "output" / "Tiny" / "TinyModel" / "tiny" / "checkpoints" / "tiny-00004.pt"
    damage(path, load_checkpoint(path)["model"]["conv.weight"])
    for words in (
        ["checkpoint", "show", path],
        ["test", tiny_yaml, "--checkpoint", path, "--device", "cpu"],
        ["embed", tiny_yaml, "-O", tmp_path / "e.npz", "--checkpoint", path, "--device", "cpu"],
        ["train", tiny_yaml, "--resume", "--device", "cpu"],
        ["train", tiny_yaml, "--init-from", path, "--overwrite", "--device", "cpu"],
        ["train", tiny_yaml, "-o", f"trainer_cfg.init={{conv: {path}}}", "--overwrite", "--device", "cpu"],
    ):
        code, text = gait(*words)
        assert (code, "truncated or damaged" in text) == (2, True), (words, text)
    assert path.is_file()  # nothing was begun in its place


@pytest.mark.parametrize("legacy", [False, True])
def test_older_files_are_read(tmp_path: Path, legacy: bool):
    weights = {"w": torch.randn(50, 50)}
    torch.save({"model": weights}, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    assert torch.equal(load_checkpoint(tmp_path / "a.pt")["model"]["w"], weights["w"])


@pytest.fixture
def without_checksums():
    torch.serialization.set_crc32_options(False)
    yield
    torch.serialization.set_crc32_options(True)


def test_a_file_without_checksums_is_read_with_a_warning(tmp_path: Path, without_checksums: None, caplog):
    torch.save({"model": {"w": torch.ones(5)}}, tmp_path / "a.pt")
    assert torch.equal(load_checkpoint(tmp_path / "a.pt")["model"]["w"], torch.ones(5))
    assert "was written without checksums" in caplog.text


def test_ours_have_checksums_whatever_the_process_chose(tmp_path: Path, without_checksums: None):
    large_tensors(tmp_path / "a.pt")
    with (tmp_path / "a.pt").open("rb") as file:
        assert Archive(file).has_checksums
    assert torch.serialization.get_crc32_options() is False


# --- weights that are no numbers ------------------------------------------------------------------


class Masked(nn.Module):
    """A layer whose mask is infinite by design."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path):
    model, other = Masked(), Masked()
    restore_model(model, other.state_dict(), strict=True, where="a.pt")
    other.layer.weight.data[1, 0] = torch.nan
    with pytest.raises(CheckpointError, match=r"a\.pt: 1 weights are NaN or infinite: layer\.weight"):
        restore_model(model, other.state_dict(), strict=True, where="a.pt")
    big = Masked()
    big.layer.weight.data.fill_(3e38)  # their sum is infinite, they are not
    restore_model(model, big.state_dict(), strict=True, where="a.pt")


@pytest.mark.usefixtures("tiny")
def test_commands_tell_and_refuse_weights_that_are_no_numbers(tiny_yaml: Path, tmp_path: Path):
    model = TinyModel()
    model.norm.running_var[0] = torch.inf
    path = tmp_path / "a.pt"
    save_checkpoint(path, {"model": model.state_dict(), "losses": {"l": torch.tensor([torch.nan])}})
    code, text = gait("checkpoint", "show", path)
    assert code == 0
    assert "NaN or infinite: 2 weights\n  norm.running_var\n  l" in text
    assert json.loads(gait("checkpoint", "show", path, "--json")[1])["not_finite"] == [
        "norm.running_var",
        "l",
    ]
    for words in (
        ["test", tiny_yaml, "--checkpoint", path],
        ["embed", tiny_yaml, "-O", tmp_path / "e.npz", "--checkpoint", path],
        ["train", tiny_yaml, "--init-from", path],
        ["train", tiny_yaml, "-o", f"trainer_cfg.init={{norm: {path}}}"],
    ):
        code, text = gait(*words, "--device", "cpu")
        assert (code, "1 weights are NaN or infinite" in text) == (2, True), (words, text)

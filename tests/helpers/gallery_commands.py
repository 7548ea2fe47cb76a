"""Commands on galleries, in a folder with a tiny model and walks of four people."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from gait_plugins.cli import app
from helpers.components.tiny import TINY_YAML, TinyWalks, seen_weights

Gait = Callable[..., tuple[int, str]]
MODEL = ("--checkpoint", "a.pt", "--device", "cpu")


def gait_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Gait:
    """Runs a command in this folder, which gets tiny.yaml, the weights a.pt and walks of four people."""
    monkeypatch.chdir(folder)
    Path("tiny.yaml").write_text(TINY_YAML.replace("transform: [{type: Shift}]", "transform: [null]"))
    torch.manual_seed(0)
    torch.save({"model": seen_weights()}, "a.pt")
    dataset = TinyWalks()
    for ref in dataset.sequences("train"):
        walk = Path("people") / ref.label / ref.type / ref.view
        walk.mkdir(parents=True)
        (walk / "090.pkl").write_bytes(pickle.dumps(dataset.load(ref)[0]))

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result.exit_code, result.output

    return run

"""Embeddings say what they were computed in; two precisions are not compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.components.tiny import TINY_YAML
from helpers.files.gallery_files import ORIGIN, SHAPE, embeddings

from gait_plugins import CheckpointError
from gait_plugins.config import load_config
from gait_plugins.core.assembly.components import build_model
from gait_plugins.core.galleries.contract import described
from gait_plugins.core.galleries.conversion import enroll_in
from gait_plugins.core.galleries.stores import make_gallery, open_gallery
from gait_plugins.core.runtime import precision
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.tools.embeddings import read_embeddings, require_same_origin, write_embeddings

HALF = replace(ORIGIN, precision="bf16-mixed")


@pytest.fixture
def yaml_path(tiny: object, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_YAML)
    torch.manual_seed(0)
    torch.save({"model": build_model(load_config(str(path))).state_dict()}, tmp_path / "a.pt")
    return path


def embedder(path: Path, *overrides: str) -> Embedder:
    return Embedder(load_config(str(path), overrides=overrides), path.with_name("a.pt"), device="cpu")


def test_an_embedder_computes_in_float32_unless_asked(
    yaml_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bfloat16_instructions", lambda: ("avx512_bf16",))
    plain = embedder(yaml_path).test_set()
    assert plain.origin.precision == "32-true"
    for setting in ("auto", "bf16-mixed"):
        found = embedder(yaml_path, f"evaluator_cfg.precision={setting}").test_set()
        assert found.origin.precision == "bf16-mixed"
        assert found.embeddings.dtype == np.float32
        with pytest.raises(CheckpointError, match="precision 32-true, now bf16-mixed") as caught:
            plain.extended(found)
        assert "-o evaluator_cfg.precision=32-true" in (caught.value.hint or "")


def test_a_file_keeps_its_precision_and_an_older_one_is_float32(tmp_path: Path) -> None:
    data = embeddings(2, 1)
    write_embeddings(tmp_path / "plain.npz", data)
    write_embeddings(tmp_path / "half.npz", replace(data, origin=HALF))
    with np.load(tmp_path / "plain.npz") as arrays:
        assert "precision" not in arrays  # as every version before has written it
    assert read_embeddings(tmp_path / "plain.npz").origin == ORIGIN
    assert read_embeddings(tmp_path / "half.npz").origin == HALF
    with pytest.raises(CheckpointError, match="precision bf16-mixed, now 32-true"):
        require_same_origin(HALF, ORIGIN, "half.npz")


def test_a_gallery_keeps_its_precision_and_takes_no_other(tmp_path: Path) -> None:
    assert "precision" not in json.loads(described(ORIGIN, SHAPE, "float32")["origin"])
    data = embeddings(3, 2)
    make_gallery(tmp_path / "half", HALF, SHAPE).close()
    with open_gallery(tmp_path / "half") as gallery:
        assert gallery.origin == HALF
    with pytest.raises(CheckpointError, match="precision bf16-mixed, now 32-true"):
        enroll_in(tmp_path / "half", data)
    enroll_in(tmp_path / "half", replace(data, origin=HALF))

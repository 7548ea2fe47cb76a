"""Embeddings say what they were computed in; two precisions are not compared."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.components.tiny import TINY_YAML
from helpers.files.gallery_files import ORIGIN, SHAPE, embeddings

from gait_plugins import CheckpointError, ConfigError, DataError
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


@pytest.mark.parametrize("fast", [False, True])
def test_what_is_advised_against_overflowing_embeddings_has_an_effect(
    yaml_path: Path, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``enable_float16: false`` has none where the precision is written, or fast."""
    monkeypatch.setattr(precision, "bfloat16_instructions", lambda: ("avx512_bf16",))
    asked = f"evaluator_cfg.{'fast=true' if fast else 'precision=auto'}"
    found = embedder(yaml_path, asked)
    with torch.no_grad():
        next(found.model.parameters()).fill_(torch.nan)
    with pytest.raises(DataError) as caught:
        found.test_set()
    advice = re.findall(r"-o (\S+)", caught.value.hint or "")
    assert advice
    assert embedder(yaml_path, asked, *advice).origin.precision.startswith("32-true")


def test_what_a_cpu_cannot_compute_in_is_refused_for_a_test_in_its_own_words(yaml_path: Path) -> None:
    with pytest.raises(ConfigError, match="16-mixed needs a GPU") as caught:
        embedder(yaml_path, "evaluator_cfg.precision=16-mixed")
    assert "evaluator_cfg" in (caught.value.hint or "")

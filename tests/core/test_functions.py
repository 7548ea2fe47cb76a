"""The commands as functions: what a script does is what the command line does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gait_plugins
from gait_plugins import ConfigError, Embeddings, UnknownComponent, load_config
from gait_plugins.core.tools.embeddings import Origin, write_embeddings


def test_every_public_name_is_listed_and_there():
    for module in (gait_plugins, gait_plugins.api):
        assert set(module.__all__) <= set(dir(module))
        assert all(getattr(module, name) is not None for name in module.__all__)


def test_looking_at_the_names_imports_no_torch():
    asked = "import sys, gait_plugins as g; dir(g); g.components(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.usefixtures("tiny")
def test_a_script_trains_tests_and_goes_on(tiny_yaml: Path, tmp_path: Path):
    short = {"trainer_cfg.total_iter": 2, "trainer_cfg.save_iter": 2, "evaluator_cfg.restore_hint": 2}
    first = gait_plugins.train(tiny_yaml, short, device="cpu")
    assert first.checkpoint == first.folder / "checkpoints" / "tiny-00002.pt"
    whole = gait_plugins.train(tiny_yaml, device="cpu", resume=True, allow_changes=True)
    assert whole.checkpoint.name == "tiny-00006.pt"
    found = gait_plugins.test(tiny_yaml, checkpoint=first.checkpoint, device="cpu")
    assert found is not None
    assert (
        found.metrics
        == gait_plugins.test(load_config(str(tiny_yaml), ["evaluator_cfg.restore_hint=2"])).metrics
    )


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    "value", [3, True, None, "a: b", [1, "x"], {"a": [1.5]}, Path("/tmp/x y"), np.float64(0.5)]
)
def test_an_override_may_be_any_value(tiny_yaml: Path, value: object):
    from gait_plugins.config.yaml.overrides import apply
    from gait_plugins.config.yaml.tree import Tree
    from gait_plugins.core.functions import _texts

    tree = Tree({"data_cfg": {}})
    apply(tree, _texts({"data_cfg.option": value}))
    assert tree.data["data_cfg"]["option"] == (str(value) if isinstance(value, Path) else value)


@pytest.mark.usefixtures("tiny")
def test_what_cannot_be_is_said(tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch):
    config = load_config(str(tiny_yaml))
    with pytest.raises(ConfigError, match="takes no overrides"):
        gait_plugins.train(config, {"trainer_cfg.total_iter": 2})
    with pytest.raises(ConfigError, match="is not a recipe"):
        gait_plugins.test(config, stage="first")
    with pytest.raises(ConfigError, match="devices is 0, expected 1 or more"):
        gait_plugins.test(config, devices=0)
    with pytest.raises(ConfigError, match=r"(?s)cannot be written as YAML: <object.*give numbers"):
        gait_plugins.train(tiny_yaml, {"trainer_cfg.total_iter": object()})
    with pytest.raises(UnknownComponent, match="unknown component kind 'lost'"):
        gait_plugins.get("lost", f"{__file__}:Loss")
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(ConfigError, match="this is no program"):
        gait_plugins.train(config, devices=2)


def test_embeddings_of_anywhere_are_scored(tmp_path: Path):
    rng = np.random.default_rng(3)
    people, types, views = ["075", "076", "077"], ["nm-01", "nm-05", "bg-01", "cl-01"], ["000", "090"]
    rows = [(p, t, v) for p in people for t in types for v in views]
    centres = {p: rng.normal(size=(4, 2)) for p in people}
    values = np.stack([centres[p] + rng.normal(scale=0.01, size=(4, 2)) for p, _, _ in rows]).astype(
        np.float32
    )
    labels, kinds, angles = (np.array(column) for column in zip(*rows, strict=True))
    names = np.array(["-".join(row) for row in rows])
    found = Embeddings(values, labels, kinds, angles, names, Origin("own/Model", "", (64, 44)))
    results = gait_plugins.evaluate(found, dataset_name="CASIA-B")
    assert results.metrics["NM@R1"] == 100
    write_embeddings(tmp_path / "own.npz", found)
    chosen = {"eval_func": "evaluate_indoor_dataset", "metric": "cos"}
    again = gait_plugins.evaluate(tmp_path / "own.npz", chosen, dataset_name="CASIA-B")
    assert again.metrics["CL@R1"] == 100

"""Large configurations: the time to read one grows with its size, and what is wrong is told in few words."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from helpers.places import ROOT

from gait_plugins.config import load_config
from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.config.yaml import reader
from gait_plugins.errors import ConfigError
from gait_plugins.registry.manager import Manager

N = 20_000
SECONDS = 3.0


def _keys(indent: str, count: int = N) -> str:
    return "".join(f"{indent}k{i}: 1\n" for i in range(count))


def _chain(folder: Path) -> str:
    """40 files that inherit one from the other, 20,000 keys in all."""
    for i in range(40):
        parent = f"inherits: c{i - 1}.yaml\n" if i else ""
        keys = "".join(f"  k{i}_{j}: 1\n" for j in range(N // 40))
        (folder / f"c{i}.yaml").write_text(f"{parent}model_cfg:\n{keys}")
    return "inherits: c39.yaml\n"


def _diamond(folder: Path) -> str:
    """Files that inherit the one before twice: 2 ** 29 readings, if each were read whenever it is named."""
    for i in range(30):
        parents = f"inherits: [c{i - 1}.yaml, c{i - 1}.yaml]\n" if i else ""
        (folder / f"c{i}.yaml").write_text(f"{parents}model_cfg: {{wrong: 1}}\n")
    return "inherits: c29.yaml\n"


LOSS = "  - {{type: FakeLoss, log_prefix: p{i}, nonsense: {i}}}\n"
LARGE: dict[str, Callable[[Path], str]] = {
    "unknown keys": lambda _: f"model_cfg:\n{_keys('  ')}",
    "unknown keys of a section": lambda _: f"trainer_cfg:\n{_keys('  ')}",
    "unknown keys of the samplers": lambda _: f"trainer_cfg:\n  sampler:\n{_keys('    ')}",
    "unknown sections": lambda _: _keys(""),
    "keys that override merged ones": lambda _: f"b: &b\n{_keys('  ')}c:\n  <<: *b\n{_keys('  ')}",
    "keys written twice": lambda _: "model_cfg:\n" + "  k: 1\n" * N,
    "losses": lambda _: "loss_cfg:\n" + "".join(LOSS.format(i=i) for i in range(N // 10)),
    "losses that nobody has": lambda _: (
        "loss_cfg:\n" + "".join(f"  - {{type: L{i}, log_prefix: p{i}}}\n" for i in range(N // 4))
    ),
    "list items": lambda _: f"scheduler_cfg: {{milestones: {[*range(1, N), 'x']}}}\n",
    "files in a chain": _chain,
    "files inherited twice": _diamond,
}
RECIPES = {
    "stages of one name": "stages:\n" + "  - {name: s, cfgs: {}}\n" * (N // 4),
    "stages that take from none": "stages:\n"
    + "".join(f"  - {{name: s{i}, cfgs: {{}}, init: s{i + 1}}}\n" for i in range(N // 10)),
    "unknown keys": f"stages: []\n{_keys('')}",
    "overrides": "stages:\n  - name: s\n    cfgs: {}\n    overrides:\n"
    + "".join(f"      - model_cfg.k{i}=1\n" for i in range(N // 4)),
}


def _told(read: Callable[[Path], object], path: Path) -> str:
    started = time.process_time()
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert time.process_time() - started < SECONDS
    return str(caught.value)


@pytest.mark.parametrize("case", LARGE)
def test_a_large_configuration_is_read_in_time(fakes: Manager, tmp_path: Path, case: str) -> None:
    path = tmp_path / "large.yaml"
    path.write_text(LARGE[case](tmp_path))
    assert len(_told(load_config, path).splitlines()) < 200


@pytest.mark.parametrize("case", RECIPES)
def test_a_large_recipe_is_read_in_time(fakes: Manager, tmp_path: Path, case: str) -> None:
    path = tmp_path / "large.yaml"
    path.write_text(RECIPES[case])
    assert len(_told(load_recipe, path).splitlines()) < 200


def test_unknown_keys_are_told_with_their_lines_and_the_rest_is_counted(
    fakes: Manager, tmp_path: Path
) -> None:
    path = tmp_path / "large.yaml"
    path.write_text(f"model_cfg:\n{_keys('  ', 100)}scheduler_cfg: {{scheduler: Nonsense}}\n")
    said = _told(load_config, path)
    assert f"{path}:2: model_cfg.k0: " in said
    assert f"{path}:21: model_cfg.k19: " in said
    assert "k20" not in said
    assert "has none of 80 further options that are written here" in said
    assert "Nonsense" in said  # another mistake is not lost among them


def test_a_chain_of_too_many_files_is_an_error(tmp_path: Path) -> None:
    for i in range(400):
        (tmp_path / f"c{i}.yaml").write_text(f"inherits: c{i + 1}.yaml\n")
    with pytest.raises(ConfigError, match="inherits through more than 50 files"):
        load_config(tmp_path / "c0.yaml")


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 30_000, "a: " + "{b: " * 200 + "1" + "}" * 200, "- " * 30_000]
)
def test_what_is_nested_too_deeply_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        reader.read_text(text, "deep.yaml")


@pytest.mark.skipif(not hasattr(yaml, "CSafeLoader"), reason="PyYAML was built without libyaml")
def test_libyaml_reads_every_configuration_as_pyyaml_does(monkeypatch: pytest.MonkeyPatch) -> None:
    files = sorted([*ROOT.glob("configs/**/*.yaml"), *ROOT.glob("tests/**/*.yaml")])
    texts = [file.read_text() for file in files]
    texts += [
        "a: 1e-3\nb: [0x1f, 1_000, .inf, ~, 2001-01-01, '01', 01]\n",
        "c: &c {d: on}\ne: {<<: *c, 'f': \"\\x41\"}\n",
    ]
    fast = [reader.read_text(text, "x") for text in texts]
    monkeypatch.setattr(reader, "_FastLoader", reader._Loader)
    slow = [reader.read_text(text, "x") for text in texts]
    assert len(files) > 80
    assert [(t.data, t.marks) for t in fast] == [(t.data, t.marks) for t in slow]

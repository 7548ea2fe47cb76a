"""Everything wrong with a configuration is said before any work: what, where, what would be right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.components.config_fakes import FAKE_YAML

from gait_plugins.config import ConfigProblems, load_config
from gait_plugins.errors import ConfigError
from gait_plugins.suggest import nearest

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complaint(folder: Path, text: str, overrides: tuple[str, ...] = ()) -> str:
    (folder / "town.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config("town.yaml", overrides)
    return str(caught.value)


def changed(old: str, new: str) -> str:
    assert old in FAKE_YAML
    return FAKE_YAML.replace(old, new, 1)


CASES = {
    "unknown section": (
        ("trainer_cfg:", "traner_cfg:"),
        r"town.yaml:31: traner_cfg: unknown section[^$]*did you mean 'trainer_cfg'",
    ),
    "section of a wrong shape": (
        ("optimizer_cfg:\n  solver: SGD\n  lr: 0.1", "optimizer_cfg: SGD"),
        r"town.yaml:23: optimizer_cfg: expected a mapping, got 'SGD' \(str\)",
    ),
    "unknown component": (
        ("type: Margin", "type: Margn"),
        r"town.yaml:15: loss_cfg.0.type: no installed package offers a loss called 'Margn'\n"
        r".*did you mean 'Margin'\? \(loss of acme-gait 1.2\)",
    ),
    "misspelt option": (
        ("margin: 0.3", "margn: 0.3"),
        r"town.yaml:17: loss_cfg.0.margn: Margin \(acme-gait 1.2\) has no option 'margn'\n"
        r"  accepted options:\n[^>]*    margin: float = 0.2\n[^>]*-> did you mean 'margin'\?",
    ),
    "wrong type": (
        ("margin: 0.3", "margin: big"),
        r"town.yaml:17: .*margin: expected float, got 'big' \(str\)",
    ),
    "a boolean for a number": (
        ("scale: 16", "scale: yes"),
        r"town.yaml:20: .*scale: expected float, got True",
    ),
    "a number for a boolean": (("log_accuracy: true", "log_accuracy: 1"), r"expected bool, got 1 \(int\)"),
    "a number for text": (
        ("save_name: first", "save_name: 02"),
        r"save_name: expected str, got 2 \(int\)\n"
        r'  -> YAML reads this value as a number; .* in quotes, as "02"',
    ),
    "text for a count": (("total_iter: 30", "total_iter: many"), r"town.yaml:32: .*expected int, got 'many'"),
    "a count below one": (
        ("total_iter: 30", "total_iter: 0"),
        r"got 0 \(int\) \(.*greater than or equal to 1\)",
    ),
    "half a pair": (
        ("batch_size: [2, 4]", "batch_size: [8]"),
        r"town.yaml:37: trainer_cfg.sampler.batch_size: expected tuple\[int, int\], got \[8\] \(list\)",
    ),
    "an item of a wrong type": (
        ("widths: [4, 8]", "widths:\n      - 4\n      - wide"),
        r"town.yaml:13: model_cfg.backbone_cfg.widths.1: expected list\[int\], got \[4, 'wide'\]",
    ),
    "an unknown choice": (
        ("metric: cos", "metric: coz"),
        r"metric: expected 'euc' \| 'cos', got 'coz' \(str\); did you mean 'cos'\?",
    ),
    "an option of a nested mapping": (
        ("parts: 4", "prts: 4"),
        r"town.yaml:12: model_cfg.Head.prts: model_cfg.Head has no option 'prts'\n"
        r"[^$]*norm: bool \(optional\)[^$]*did you mean 'parts'[^$]*needs the option 'parts' \(int\)",
    ),
    "an option of a nested component": (
        ("prob: 0.5", "probability: 0.5"),
        r"town.yaml:43: trainer_cfg.transform.0.trf_cfg.0.probability: Cut \(acme-gait 1.2\) has no option",
    ),
    "a nested component without a name": (
        ("    type: Trunk\n", ""),
        r"town.yaml:9: model_cfg.backbone_cfg: the key 'type' must name a backbone, but the key is missing",
    ),
    "a component that is no mapping": (
        ("        - type: Cut\n\n", "        - Cut\n\n"),
        r"expected a mapping with the key 'type' for a transform, got 'Cut' \(str\)",
    ),
    "a name that is no text": (
        ("model: Walker", "model: [1]"),
        r"town.yaml:8: .* must name a model, got \[1\]",
    ),
    "a missing option": (
        ("  Head: {parts: 4, classes: 10}\n", ""),
        r"town.yaml:7: model_cfg: Walker \(acme-gait 1.2\) needs the option 'Head'",
    ),
    "a component that cannot be imported": (
        ("    - type: Chain", "    - type: Broken"),
        r"town.yaml:40: trainer_cfg.transform.0.type: .*acme-gait 1.2.*Broken' cannot be imported",
    ),
    "an unknown optimiser": (
        ("solver: SGD", "solver: SDG"),
        r"torch.optim has no class 'SDG'[^$]*did you mean.*'SGD'",
    ),
    "an option that the optimiser lacks": (
        ("lr: 0.1", "lr: 0.1\n  beta: [0.9, 0.99]"),
        r"SGD \(torch .*'beta'",
    ),
    "an unknown key of a section": (
        ("num_workers: 2", "num_worker: 2"),
        r"town.yaml:5: data_cfg.num_worker: folder \(acme-gait 1.2\) has no option[^$]*mean 'num_workers'",
    ),
    "an unknown key of the trainer": (
        ("save_name: first", "save_nam: first"),
        r"town.yaml:33: trainer_cfg.save_nam: trainer_cfg has no option[^$]*did you mean 'save_name'",
    ),
    "another word for an option": (
        ("lr: 0.1", "learning_rate: 0.1"),
        r"town.yaml:25: optimizer_cfg.learning_rate: SGD [^$]*has no option[^$]*did you mean 'lr'",
    ),
    "a longer word for an option": (
        ("log_accuracy: true", "log_acc: true"),
        r"loss_cfg.1.log_acc: Soft [^$]*did you mean 'log_accuracy'",
    ),
    "a misspelt key of the protocol": (
        ("eval_func: ", "eval_fun: "),
        r"evaluator_cfg.eval_fun: [^$]*has no option 'eval_fun'[^$]*did you mean 'eval_func'",
    ),
    "a misspelt key of a component": (
        ("type: Soft", "tpye: Soft"),
        r"the key 'type' must name a loss, but the key is missing\n  -> did you mean 'type' by 'tpye'\?",
    ),
    "an option of neither sampler": (
        ("sample_type: fixed_unordered", "sample_type: fixed_unordered\n    frames_num_fix: 3"),
        r"PK \(acme-gait 1.2\) with frames \(acme-gait 1.2\) has no option 'frames_num_fix'"
        r"[^$]*batch_size[^$]*frames_num_max[^$]*did you mean 'frames_num_fixed'",
    ),
    "a section that says no": (
        ("model: Walker", "model: Walker\n  schedule: {factor: -1}"),
        r"town.yaml:9: model_cfg.schedule: factor must not be negative, got -1",
    ),
    "two losses of one prefix": (
        ("log_prefix: softmax", "log_prefix: triplet"),
        r"town.yaml:19: loss_cfg.1.log_prefix: two losses have the log_prefix 'triplet'",
    ),
    "a loss that is no mapping": (
        ("  - type: Soft", "  - 3\n  - type: Soft"),
        r"loss_cfg.1: expected a mapping for a loss term",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_explained(folder: Path, case: str) -> None:
    (old, new), pattern = CASES[case]
    text = complaint(folder, changed(old, new))
    assert re.search(pattern, text), text


def test_all_mistakes_are_reported_together(folder: Path) -> None:
    text = changed("margin: 0.3", "margin: big").replace("lr: 0.1", "lr: fast").replace("metric", "metrik")
    (folder / "town.yaml").write_text(text)
    with pytest.raises(ConfigProblems) as caught:
        load_config("town.yaml", ["trainer_cfg.seed=-1"])
    assert [problem.where for problem in caught.value.problems] == [
        "town.yaml:17",
        "town.yaml:25",
        "-o trainer_cfg.seed=-1",
        "town.yaml:48",
    ]
    assert str(caught.value).startswith("4 errors in town.yaml:\n")


YAML_MISTAKES = {
    "a: 1\nb: [1\n": r"town.yaml:3: the text is not valid YAML",
    "a: 1\na: 2\n": r"town.yaml:2: the key 'a' is written twice, first in line 1",
    "a: {b: 1, b: 2}\n": r"the key 'b' is written twice",
    "- 1\n": r"town.yaml:1: a configuration must be a mapping of sections, found a list",
    "a: !!python/object/apply:os.getcwd []\n": r"town.yaml:1: .*tag",
    "a: !!python/name:os.getcwd\n": r"town.yaml:1: ",
    "on: 1\n": r"town.yaml:1: a key must be text, found True",
    "a: &x [*x]\n": r"town.yaml:1: YAML aliases make this configuration endless",
    "a: \x01\n": r"town.yaml: the text is not valid YAML",
    "\ta: 1\n": r"town.yaml:1: the text is not valid YAML",
}


@pytest.mark.parametrize("text", YAML_MISTAKES)
def test_broken_yaml_is_located(folder: Path, text: str) -> None:
    assert re.search(YAML_MISTAKES[text], complaint(folder, text))


def test_a_file_that_is_no_text_is_an_error(folder: Path) -> None:
    (folder / "town.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match=r"town.yaml: the configuration cannot be read"):
        load_config("town.yaml")


OVERRIDES = {
    "trainer_cfg.total_iter": "an override has the form key.key=value",
    "=3": "an override has the form key.key=value",
    "trainer_cfg..total_iter=3": "an override has the form key.key=value",
    "trainr_cfg.total_iter=3": r"unknown section 'trainr_cfg'[^$]*did you mean 'trainer_cfg'",
    "trainr_cfg=3": "unknown section",
    "trainer_cfg.total_itr=3": r"-o trainer_cfg.total_itr=3: trainer_cfg has no option[^$]*'total_iter'\?",
    "trainer_cfg.total_iter=many": r"-o trainer_cfg.total_iter=many: expected int, got 'many'",
    "trainer_cfg.save_name=02": (
        r"expected str, got 2 [^$]*quote the value: -o 'trainer_cfg.save_name=\"02\"'"
    ),
    "trainer_cfg.freeze=[02, no]": r"quote the value: -o 'trainer_cfg.freeze=\[\"02\", \"no\"\]'",
    "trainer_cfg.total_iter.x=1": "trainer_cfg.total_iter is 30, not a mapping: it has no key 'x'",
    "loss_cfg.margin=1": r"the list loss_cfg has no item 'margin'[^$]*the items are loss_cfg.0, loss_cfg.1",
    "trainer_cfg={total_iter: 4}": (
        r"takes the place of the whole section, and has no sampler\n  -> -o trainer_cfg.KEY=VALUE"
    ),
    "evaluator_cfg={save_name: a}": r"has no sampler\n  -> -o evaluator_cfg.KEY=VALUE",
    "trainer_cfg=null": "-o trainer_cfg=null: expected a mapping, got None",
    "data_cfg=": "-o data_cfg=: expected a mapping, got None",
    "loss_cfg.2.margin=1": "the list loss_cfg has no item '2'",
    "loss_cfg.0.margin=[1": r"-o loss_cfg.0.margin=\[1: the text is not valid YAML",
    "model_cfg.sched.start=1": r"-o model_cfg.sched.start=1: .*Walker .* has no option 'sched'",
    "model_cfg.Head={parts: 1, classes: x}": r"-o model_cfg.Head=.* model_cfg.Head.classes: expected int",
}


@pytest.mark.parametrize("override", OVERRIDES)
def test_an_override_that_does_not_fit_is_its_own_place(folder: Path, override: str) -> None:
    text = complaint(folder, FAKE_YAML, (override,))
    assert "-o " in text
    assert re.search(OVERRIDES[override], text), text


def test_what_follows_a_wrong_value_is_not_called_wrong_too(folder: Path) -> None:
    text = complaint(folder, FAKE_YAML, ("trainer_cfg.total_iter=yes",))
    assert text.count("expected int") == 1
    assert "restore_hint" not in text


NEAR = {
    "learning_rate": ("lr", "momentum"),
    "wd": ("weight_decay", "lr"),
    "epsilon": ("eps", "momentum"),
    "probability": ("prob", "sides"),
    "evaluation_function": ("eval_func", "evaluate"),
    "nestrov": ("nesterov", "nets"),
}


@pytest.mark.parametrize("name", NEAR)
def test_a_shorter_or_longer_word_is_near(name: str) -> None:
    assert nearest(name, NEAR[name])[0] == NEAR[name][0]


@pytest.mark.parametrize("name", ["", "_", "x", "la", "cat"])
def test_what_is_like_nothing_has_no_near_name(name: str) -> None:
    assert nearest(name, ["lr", "weight_decay", "dog_house"]) == []


def test_anchors_and_merge_keys_work_and_own_keys_win(folder: Path) -> None:
    text = changed("  - type: Soft\n", "  - &soft\n    type: Soft\n") + "x: 1\n"
    text = text.replace(
        "optimizer_cfg:", "  - <<: *soft\n    scale: 3\n    log_prefix: again\n\noptimizer_cfg:"
    )
    (folder / "town.yaml").write_text(text.replace("x: 1\n", ""))
    losses = load_config("town.yaml").loss_cfg
    assert losses[2].component.options == {"scale": 3.0, "log_accuracy": True}

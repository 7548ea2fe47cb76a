"""Mixtures of data sets: shares, draws by the number of the batch, and what a resumed training sees."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.golden_rules import golden

import gait_plugins
from gait_plugins.api import SequenceIndex, SequenceRef
from gait_plugins.config import load_config
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.foundation.mixture import Mixed, Mixture
from gait_plugins.plugins.foundation.one_set import OneSetSampler

WALKERS = {"type": "walkers", "train": 2, "test": 2, "frames": 5, "views": ["090"]}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path / "cache"))


def mixture(**options: Any) -> Mixture:
    of = {"few": WALKERS, "more": {**WALKERS, "train": 3, "seed": 1}}
    return gait_plugins.build("dataset", {"type": "mixture", "of": of, **options})


def sampler(**options: Any) -> OneSetSampler:
    return gait_plugins.build(
        "batch_sampler", {"type": "OneSetSampler", **OneSetSampler.example_config(), **options}
    )


def index_of(**counts: int) -> SequenceIndex:
    ref = SequenceRef("001", "nm-01", "090", None)
    return SequenceIndex(
        [
            SequenceRef(f"{name}/{i:04d}", "nm-01", "090", Mixed(name, ref))
            for name, n in counts.items()
            for i in range(n)
        ]
    )


def sets_of(index: SequenceIndex, found: Any) -> set[str]:
    return {index.refs[place].source.name for place in found}


def published_sampler() -> tuple[OneSetSampler, SequenceIndex]:
    """One sequence of each set, which counts as the recorded number of them."""
    lengths = golden("foundation/misc")["dataset_lengths"].tolist()
    factors = {f"set{i}": length for i, length in enumerate(lengths)}
    return sampler(factors=factors, published=True), index_of(**dict.fromkeys(factors, 1))


def test_shares_are_the_published_ones() -> None:
    drawing, index = published_sampler()
    np.testing.assert_allclose(
        [*drawing.shares(index).values()], golden("foundation/misc")["dataset_probs"], rtol=1e-6
    )


def test_the_sets_of_the_published_generator_are_drawn() -> None:
    drawing, index = published_sampler()
    expected = golden("foundation/misc")["dataset_draw_per_iteration"].tolist()
    rng = np.random.default_rng(0)
    found = [sets_of(index, drawing.batch(index, number, rng)) for number in range(len(expected))]
    assert found == [{f"set{place}"} for place in expected]


@pytest.mark.parametrize(("power", "expected"), [(0, 0.5), (1 / 3, 1 / 3), (1, 1 / 9)])
def test_sets_are_drawn_by_their_shares(power: float, expected: float) -> None:
    drawing, index = sampler(power=power), index_of(few=10, more=80)
    assert drawing.shares(index)["few"] == pytest.approx(expected)
    found = Counter()
    for number in range(600):
        (name,) = sets_of(index, drawing.batch(index, number, np.random.default_rng(number)))
        found[name] += 1
    assert found["few"] / 600 == pytest.approx(expected, abs=0.06)


def test_a_factor_changes_a_share() -> None:
    assert sampler(factors={"more": 0.125}).shares(index_of(few=10, more=80))["few"] == 0.5


def test_a_batch_follows_from_its_number_alone() -> None:
    index = index_of(few=10, more=80)
    first, second = sampler(), sampler()
    forwards = [list(first.batch(index, n, np.random.default_rng(n))) for n in range(6)]
    backwards = [list(second.batch(index, n, np.random.default_rng(n))) for n in reversed(range(6))]
    assert forwards == backwards[::-1]


def test_people_of_different_sets_are_different_people() -> None:
    data = mixture()
    labels = {ref.label for ref in data.sequences("train")}
    assert len(labels) == 5
    assert {label.partition("/")[0] for label in labels} == {"few", "more"}
    own = data.of["few"].sequences("train")[0]
    first = data.sequences("train")[0]
    assert np.array_equal(data.load(first)[0], data.of["few"].load(own)[0])
    assert data.length(first) == 5


def test_one_set_is_tested() -> None:
    assert [r.label for r in mixture().sequences("test")] == [
        r.label for r in mixture().of["few"].sequences("test")
    ]
    assert mixture(tested="more").tested == "more"
    with pytest.raises(ConfigError, match="tested is 'mor', which is none of the data sets few, more"):
        mixture(tested="mor")


def test_a_set_may_be_left_out() -> None:
    data = gait_plugins.build("dataset", {"type": "mixture", "of": {"few": WALKERS, "more": None}})
    assert list(data.of) == ["few"]
    with pytest.raises(ConfigError, match="has no data set"):
        Mixture({})


def test_sets_of_other_streams_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = mixture()
    monkeypatch.setattr(data.of["more"], "streams", lambda: None)
    with pytest.raises(ConfigError, match=r"different streams: few: silhouettes; more: not said"):
        data.streams()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"power": 2}, "power of OneSetSampler is 2"),
        ({"factors": {"few": 0}}, "the factor of few is 0"),
    ],
)
def test_options_that_make_no_sampler_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        sampler(**options)


def test_what_is_no_mixture_is_refused() -> None:
    ref = SequenceRef("001", "nm-01", "090", None)
    with pytest.raises(ConfigError, match="draws from a mixture of data sets, and the data are none"):
        sampler().check(SequenceIndex([ref]))
    with pytest.raises(ConfigError, match="a factor is given for fewer"):
        sampler(factors={"fewer": 1}).check(index_of(few=3))
    triplets = {"type": "TripletSampler", "batch_size": [4, 2]}
    with pytest.raises(ConfigError, match="few: a batch needs 4 identities"):
        sampler(of=triplets).check(index_of(few=3))


def test_a_list_of_data_sets_is_a_mixture(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "listed.yaml").write_text(LISTED)
    config = load_config(tmp_path / "listed.yaml")
    assert config.data_cfg.dataset.name == "mixture"
    assert config.data_cfg.dataset_name == "Gait3D_GaitLU-1M"
    assert config.data_cfg.test_dataset_name == "Gait3D"
    of = config.data_cfg.dataset.options["of"]
    assert of["GaitLU-1M"]["data_in_use"] == [False, True]
    batch = config.trainer_cfg.sampler.batch
    assert batch.name == "OneSetSampler"
    assert batch.options["factors"] == {"GaitLU-1M": 0.1}
    assert batch.options["of"]["batch_size"] == [2, 4]
    assert len(config.trainer_cfg.transform) == 1
    assert config.model_cfg.options["EMA_steps"] == 7
    assert "train_data_preload of Gait3D has no effect" in caplog.text
    again = load_config(config.data)
    assert load_config(again.data).data == again.data
    assert again.data["data_cfg"] == {**again.data["data_cfg"], **config.data["data_cfg"]}


def test_a_list_for_nobody_is_refused() -> None:
    with pytest.raises(ConfigError, match="data_cfg"):
        load_config({"data_cfg": ["Gait3D"]})


LISTED = """\
data_cfg:
  - {dataset_name: Gait3D, dataset_root: a, dataset_partition: a.json, num_workers: 1, train_data_preload: x}
  - {dataset_name: GaitLU-1M, dataset_root: b, dataset_partition: b.json, data_in_use: [false, true]}
model_cfg:
  model: FoundationGait_Scaling
  Backbone: {mode: p3d, in_channels: 1, layers: [1, 1, 1, 1], channels: [4, 4, 4, 4]}
loss_cfg:
  - {type: CrossEntropyLoss, log_prefix: softmax}
evaluator_cfg: {eval_func: evaluate_Gait3D}
trainer_cfg:
  total_iter: 7
  sampler: {type: BilateralSampler, batch_size: [2, 4], sample_type: fixed_ordered, frames_num_fixed: 16}
  transform:
    - - type: DA4GaitSSB
      - type: DA4GaitSSB
"""

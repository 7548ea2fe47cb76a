"""Protocols give the recorded figures of the published evaluation."""

import numpy as np
import pytest
from helpers import golden_rules

import gait_plugins
from gait_plugins import EmbeddingSet

NAMES = {
    "casiab": "CASIA-B",
    "oumvlp": "OUMVLP",
    "sustech": "SUSTech1K",
    "casiae": "CASIA-E",
    "gait3d": "Gait3D",
    "grew": "GREW",
    "ccpg": "CCPG",
    "ccpg2": "CCPG",
}
CASES = [
    ("casiab", "euc", False),
    ("casiab", "euc", True),
    ("casiab", "cos", False),
    ("casiab", "cos", True),
    ("oumvlp", "euc", False),
    ("oumvlp", "euc", True),
    ("sustech", "euc", False),
    ("casiae", "euc", False),
]


@pytest.fixture(scope="module")
def golden():
    return golden_rules.golden("metrics")


def _data(golden, name):
    fields = [golden[f"{name}_{field}"] for field in ("embeddings", "labels", "types", "views")]
    probes = golden.get(f"{name}_probe_set")
    return EmbeddingSet(*fields, NAMES[name], None if probes is None else frozenset(probes.tolist()))


@pytest.mark.parametrize(("name", "metric", "cross"), CASES)
def test_indoor_figures(golden, name, metric, cross):
    protocol = gait_plugins.get("protocol", "evaluate_indoor_dataset")(
        metric=metric, cross_view_gallery=cross
    )
    results = protocol.evaluate(_data(golden, name))
    case = f"{name}_{metric}_{'cross' if cross else 'single'}"
    published = dict(zip(golden[f"{case}_keys"].tolist(), golden[f"{case}_vals"].tolist(), strict=True))
    scalars = results.scalars()
    assert list(scalars)[: len(published)] == list(published)
    for key, value in published.items():
        assert scalars[key] == pytest.approx(value, abs=1e-9), key


@pytest.mark.parametrize("case", ["casiab_euc", "casiab_cos", "oumvlp_euc", "sustech_euc", "casiae_euc"])
def test_every_pair_of_views(golden, case):
    name, metric = case.split("_")
    results = gait_plugins.get("protocol", "evaluate_indoor_dataset")(metric=metric).evaluate(
        _data(golden, name)
    )
    published = golden[f"{case}_single_dediag_in"]
    assert len(results.metrics) == len(published)
    for key, matrix, means in zip(
        results.metrics, published, golden[f"{case}_single_dediag_out_each"], strict=True
    ):
        np.testing.assert_allclose(np.round(results.details["matrices"][key], 2), matrix, atol=1e-9)
        np.testing.assert_allclose(results.details["per_view"][key], means, atol=1e-9)


def test_sustech_ranks_up_to_five(golden):
    results = gait_plugins.get("protocol", "evaluate_indoor_dataset")().evaluate(_data(golden, "sustech"))
    assert [results.tables[0].columns[0], results.tables[0].columns[-1]] == ["", "mean"]
    assert results.tables[1].columns == ("", "R1", "R2", "R3", "R4", "R5")
    last_line = golden["sustech_euc_single_log"][-1]
    for condition, *_, fifth in results.tables[1].rows:
        assert f"{condition}@R5: {fifth}%" in last_line


@pytest.mark.parametrize("metric", ["euc", "cos"])
def test_gait3d_figures(golden, metric):
    data = _data(golden, "gait3d")
    results = gait_plugins.get("protocol", "evaluate_Gait3D")(metric=metric).evaluate(data)
    keys, values = golden[f"gait3d_{metric}_keys"].tolist(), golden[f"gait3d_{metric}_vals"].tolist()
    assert list(results.scalars()) == keys
    # Rank-k was recorded in float32.
    assert list(results.scalars().values()) == pytest.approx(values, abs=2e-5)
    assert results.probes + results.probes_without_match == int(
        sum(
            "-".join(parts) in data.probe_set
            for parts in zip(data.labels, data.types, data.views, strict=True)
        )
    )


@pytest.mark.parametrize("name", ["evaluate_FreeGait", "evaluate_CCGR_MINI"])
def test_other_data_sets_of_listed_probes_score_alike(golden, name):
    data = _data(golden, "gait3d")
    results = gait_plugins.get("protocol", name)().evaluate(data)
    assert list(results.scalars().values()) == pytest.approx(golden["gait3d_euc_vals"].tolist(), abs=2e-5)
    assert results.protocol.startswith(f"{name}: listed probes")


@pytest.mark.parametrize("metric", ["euc", "cos"])
def test_grew_figures(golden, metric):
    results = gait_plugins.get("protocol", "evaluate_real_scene")(metric=metric).evaluate(
        _data(golden, "grew")
    )
    keys, values = golden[f"grew_{metric}_keys"].tolist(), golden[f"grew_{metric}_vals"].tolist()
    assert [results.scalars()[key] for key in keys] == pytest.approx(values, abs=1e-9)
    logged = [float(text) for text in golden[f"grew_{metric}_log"].tolist() if "=" not in text]
    assert list(results.metrics.values()) == pytest.approx(logged, abs=1e-9)


@pytest.mark.parametrize("case", ["ccpg_euc", "ccpg2_euc", "ccpg2_cos"])
def test_ccpg_figures(golden, case):
    name, metric = case.split("_")
    data = _data(golden, name)
    views = data.views.copy()
    results = gait_plugins.get("protocol", "evaluate_CCPG")(metric=metric).evaluate(data)
    np.testing.assert_array_equal(data.views, views)
    conditions = ("CL", "UP", "DN", "BG")
    published = zip(conditions, golden[f"{case}_vals"], golden[f"{case}_dediag_out_mean"], strict=True)
    for condition, matrix, mean in published:
        np.testing.assert_allclose(np.round(results.details["matrices"][condition], 2), matrix, atol=1e-9)
        assert results.metrics[f"{condition}@R1"] == pytest.approx(mean, abs=1e-9)
    np.testing.assert_allclose(
        [results.details["per_view"][c] for c in conditions], golden[f"{case}_dediag_out_each"], atol=1e-9
    )
    lines = [line for line in golden[f"{case}_log"].tolist() if line.startswith("CL: ") and "[" not in line]
    for line, key in zip(
        lines, ["ReID-{}@R1", "ReID-{}@mAP", "ReID-{}@mINP", "{}@R1-any-view", "{}@R1"], strict=True
    ):
        logged = {part.split(": ")[0].strip(): float(part.split(": ")[1]) for part in line.split(",")}
        found = {condition: results.metrics[key.format(condition)] for condition in conditions}
        assert found == pytest.approx(logged, abs=6e-4), key


def test_recorded_partition_lists_the_recorded_probes(golden):
    listed = golden_rules.golden_json("metrics_Gait3D")["PROBE_SET"]
    assert sorted(listed) == sorted(golden["gait3d_probe_set"].tolist())

"""Protocols of visible-thermal re-identification: published figures, galleries and the words with them."""

from __future__ import annotations

import random
from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np
import pytest
from helpers.places import GOLDEN
from rich.console import Console

from gait_plugins.api import EmbeddingSet, Results
from gait_plugins.core.evaluate.report import print_results
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.rle.protocols.cross_spectral import CrossSpectralProtocol
from gait_plugins.plugins.rle.protocols.published import (
    LLCMProtocol,
    RegDBProtocol,
    SYSUProtocol,
    camera_2_for_camera_3,
    same_identity_and_camera,
)
from gait_plugins.plugins.rle.protocols.ranking import Scores, score
from gait_plugins.plugins.rle.protocols.trials import Side

GOLDEN = np.load(GOLDEN / "metrics.npz")


def side(role: str, cameras: str | None = None) -> Side:
    ids = GOLDEN[f"rle_{role}_pids"]
    names = np.array([f"cam{camera}" for camera in GOLDEN[cameras or f"rle_{role}_cams"]])
    return Side(np.arange(len(ids)), ids, names)


def golden_scores(exclude: Any, distinct: bool, cameras: str | None = None) -> Scores:
    queries, gallery = side("q", cameras), side("g")
    pairs = None if exclude is None else exclude(queries, gallery)
    return score(GOLDEN["rle_dist"], queries.ids, gallery.ids, exclude=pairs, distinct=distinct)


# --- published figures --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "exclude", "distinct", "cameras"),
    [
        ("sysu", camera_2_for_camera_3, True, None),
        ("llcm", same_identity_and_camera, True, "rle_llcm_q_cams"),
        ("regdb", None, False, None),
    ],
)
def test_figures_are_the_published_ones(name: str, exclude: Any, distinct: bool, cameras: str | None) -> None:
    found = golden_scores(exclude, distinct, cameras)
    published = GOLDEN[f"rle_eval_{name}_cmc"]
    np.testing.assert_allclose(found.cmc[: len(published)], published, atol=1e-6)
    assert found.mean_ap == pytest.approx(float(GOLDEN[f"rle_eval_{name}_mAP"]), abs=1e-12)
    assert found.mean_inp == pytest.approx(float(GOLDEN[f"rle_eval_{name}_mINP"]), abs=1e-12)


def test_a_short_curve_is_the_beginning_of_the_long_one() -> None:
    found = score(GOLDEN["rle_dist"], side("q").ids, side("g").ids, distinct=False, max_rank=5)
    np.testing.assert_allclose(found.cmc, GOLDEN["rle_eval_regdb_max5_cmc"], atol=1e-6)


def test_equal_distances_find_nobody_by_chance() -> None:
    ids = np.array(["a", "b", "c", "d"])
    found = score(np.zeros((4, 4)), ids, ids, distinct=True)
    np.testing.assert_allclose(found.cmc[:4], [0.25, 0.5, 0.75, 1])


# --- galleries ----------------------------------------------------------------------------------


def images(protocol: type[CrossSpectralProtocol], **changes: Any) -> EmbeddingSet:
    return replace(protocol.example_data(), **changes)


@pytest.mark.parametrize("mode", [0, 1])
def test_single_shot_galleries_are_those_of_the_published_code(mode: int) -> None:
    data = images(SYSUProtocol)
    # Not every camera has seen everybody.
    kept = ~((data.labels == "0001") & np.char.startswith(data.views, "cam1:"))
    rows = {name: getattr(data, name)[kept] for name in ("embeddings", "labels", "types", "views")}
    data = replace(data, **rows)
    protocol = SYSUProtocol(shots=[1])
    cameras = protocol.modes[mode].gallery_cameras or ()
    for trial in range(10):
        random.seed(trial)  # as the published code seeds
        expected = []
        for identity in sorted(set(data.labels)):
            for camera in cameras:
                own = np.char.startswith(data.views, f"{camera}:") & (data.labels == identity)
                if own.any():
                    expected.append(random.choice(sorted(data.views[own])))
        mode_ = protocol.modes[mode]
        gallery = mode_.drawn(mode_.candidates(data), trial)
        assert data.views[gallery.rows].tolist() == expected
        assert gallery.ids.tolist() == sorted(gallery.ids)


def test_multi_shot_galleries_hold_that_many_images_or_all_there_are() -> None:
    data = images(SYSUProtocol)
    for shots, each in ((2, 2), (10, 3)):
        mode = SYSUProtocol(shots=[shots]).modes[0]
        rows = mode.drawn(mode.candidates(data), 4).rows
        assert len(rows) == len(set(rows)) == 6 * 4 * each


def test_camera_2_is_left_out_for_queries_of_camera_3() -> None:
    data = images(SYSUProtocol)
    mode = SYSUProtocol().modes[0]
    queries, gallery = mode.queries(data), mode.candidates(data)
    pairs = camera_2_for_camera_3(queries, gallery)
    expected = np.outer(queries.cameras == "cam3", gallery.cameras == "cam2")
    assert expected.any()
    np.testing.assert_array_equal(pairs, expected)


# --- what is said -------------------------------------------------------------------------------


def test_every_mode_is_named_with_its_trials_and_deviation() -> None:
    results = SYSUProtocol().evaluate(images(SYSUProtocol))
    names = [row[0] for row in results.tables[0].rows]
    assert names == [
        "thermal to visible, all search, single-shot",
        "thermal to visible, indoor search, single-shot",
        "thermal to visible, all search, multi-shot (10)",
        "thermal to visible, indoor search, multi-shot (10)",
    ]
    assert all(row[1] == "10" and "±" in row[3] for row in results.tables[0].rows[:2])
    assert "10 trials each" in results.protocol
    first = results.details["T2V all 1-shot"]
    each = first["each trial"]["mAP"]
    assert len(each) == 10
    assert results.metrics["T2V all 1-shot@mAP"] == pytest.approx(np.mean(each))
    assert first["deviation"]["mAP"] == pytest.approx(np.std(each, ddof=1))


def printed(results: Results) -> str:
    text = StringIO()
    print_results(results, Console(file=text, width=220))
    return text.getvalue()


def test_the_printed_score_says_direction_mode_and_trials() -> None:
    text = printed(LLCMProtocol().evaluate(images(LLCMProtocol)))
    assert "visible to thermal, single-shot" in text
    assert "thermal to visible, single-shot" in text
    assert "10 trials each" in text
    assert "±" in text


def test_regdb_says_which_split_it_is() -> None:
    data = images(RegDBProtocol)
    views = np.array([f"split03:{i:04d}" for i in range(len(data))])
    results = RegDBProtocol().evaluate(replace(data, views=views))
    assert {"V2T@R1", "V2T@mAP", "T2V@R1", "T2V@mINP"} <= set(results.metrics)
    assert "this is split03 of 10" in results.notes[0]
    row = results.tables[0].rows[0]
    assert row[1:3] == ("1", "72 / 36")


# --- what cannot be scored ----------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["visible", "thermal"])
def test_a_missing_modality_is_found_before_any_work(missing: str) -> None:
    data = images(CrossSpectralProtocol)
    kept = data.types != missing
    rows = {name: getattr(data, name)[kept] for name in ("labels", "types", "views")}
    nothing = np.empty((int(kept.sum()), 0, 0), np.float32)
    with pytest.raises(DataError, match=rf"no \w+ image found \({missing}\)"):
        CrossSpectralProtocol().check(replace(data, embeddings=nothing, **rows))


def test_cameras_that_the_data_lacks_are_named() -> None:
    data = images(LLCMProtocol)
    with pytest.raises(DataError, match="thermal, camera cam3, cam6"):
        SYSUProtocol().check(data)


def test_identities_of_one_modality_are_counted() -> None:
    data = images(CrossSpectralProtocol)
    kept = ~((data.labels == "0002") & (data.types == "thermal"))
    rows = {name: getattr(data, name)[kept] for name in ("embeddings", "labels", "types", "views")}
    results = CrossSpectralProtocol().evaluate(replace(data, **rows))
    assert any("in one modality only: 1" in note for note in results.notes)
    assert any("left out: 12" in note for note in results.notes)


def test_strangers_only_are_an_error() -> None:
    data = images(CrossSpectralProtocol)
    labels = np.char.add(data.labels, np.where(data.types == "thermal", "t", "v"))
    with pytest.raises(DataError, match="no query shares its identity"):
        CrossSpectralProtocol().check(replace(data, labels=labels))


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (SYSUProtocol, {"modes": ["outdoor"]}),
        (SYSUProtocol, {"shots": [0]}),
        (SYSUProtocol, {"modes": []}),
        (LLCMProtocol, {"trials": 0}),
        (RegDBProtocol, {"directions": ["up"]}),
        (CrossSpectralProtocol, {"shots": -1}),
    ],
)
def test_options_that_mean_nothing_are_refused(cls: type, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        cls(**options)

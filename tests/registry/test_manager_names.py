"""Look-up by name: conflicts name both owners, unknown names get the nearest ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.components.fake_site import FakeSite, manifest

from gait_plugins.errors import ComponentConflict, UnknownComponent
from gait_plugins.registry.manager import Manager


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSite:
    return FakeSite(tmp_path, monkeypatch)


def offer(site: FakeSite, distribution: str, version: str = "1.0", **hooks: object) -> None:
    site.package(distribution, manifest(**hooks), version=version)


def test_a_name_offered_twice_is_an_error_that_names_both_owners(site: FakeSite) -> None:
    offer(site, "left", "1.1", gait_losses={"Same": "left_code:Same"})
    offer(site, "right", "2.2", gait_losses={"Same": "right_code:Same"})
    manager = Manager()
    with pytest.raises(ComponentConflict) as caught:
        manager.find("loss", "Same")
    text = str(caught.value)
    assert "left 1.1: left_code:Same" in text
    assert "right 2.2: right_code:Same" in text
    assert "write type: left/Same or right/Same" in text
    for spelling, origin in (("left/Same", "left_code:Same"), ("Right/Same", "right_code:Same")):
        assert manager.find("loss", spelling).origin == origin


def test_a_built_in_neither_shadows_nor_is_shadowed(site: FakeSite) -> None:
    offer(site, "stranger", gait_models={"TrackletGait": "stranger_code:TrackletGait"})
    manager = Manager()
    with pytest.raises(ComponentConflict, match=r"gait-plugins-trackletgait .*(?s:.)*stranger 1.0"):
        manager.find("model", "TrackletGait")
    own = manager.find("model", "gait-plugins-trackletgait/TrackletGait")
    assert own.owner.distribution == "gait-plugins-trackletgait"
    assert manager.find("model", "stranger/TrackletGait").owner.distribution == "stranger"


def test_the_key_of_the_kind_is_in_the_advice(site: FakeSite) -> None:
    for name in ("left", "right"):
        offer(site, name, gait_models={"M": "a:B"}, gait_frame_samplers={"f": "a:B"})
    manager = Manager()
    with pytest.raises(ComponentConflict, match="write model: left/M or right/M"):
        manager.find("model", "M")
    with pytest.raises(ComponentConflict, match="write method: left/f or right/f"):
        manager.find("frame_sampler", "f")


def test_one_name_may_serve_two_kinds(site: FakeSite) -> None:
    offer(site, "own", gait_losses={"Own": "a:Loss"}, gait_models={"Own": "a:Model"})
    manager = Manager()
    assert manager.find("loss", "Own").origin == "a:Loss"
    assert manager.find("model", "Own").origin == "a:Model"
    assert [c.kind for c in manager.search("Own")] == ["model", "loss"]


def test_a_package_that_offers_a_name_twice_fails_to_load(site: FakeSite) -> None:
    site.package("own", manifest(gait_losses={"Own": "a:B"}), module="own_a")
    site.package("own", manifest(gait_losses={"Own": "c:D"}), module="own_b")
    manager = Manager()
    assert manager.find("loss", "own/Own").origin == "a:B"
    (failure,) = manager.failures
    assert failure.reason == "another plugin of own 1.0 already offers loss 'Own'"


def test_a_misspelt_name_gets_the_nearest_names_with_kind_and_package(site: FakeSite) -> None:
    offer(site, "own", gait_losses={"CenterLoss": "a:B", "Other": "a:B"})
    with pytest.raises(UnknownComponent) as caught:
        Manager().find("loss", "centreloss")
    text = str(caught.value)
    assert "no installed package offers a loss called 'centreloss'" in text
    assert "did you mean 'CenterLoss'? (loss of own 1.0)" in text
    assert "Other" not in text
    assert text.endswith("-> gait-plugins plugins list --kind loss")


@pytest.mark.parametrize("name", ["Halfway", "halfway", "Halfwai", "own/Halfway"])
def test_a_name_of_another_kind_is_pointed_out(site: FakeSite, name: str) -> None:
    offer(site, "own", gait_batch_samplers={"Halfway": "a:B"})
    with pytest.raises(UnknownComponent, match=r"'Halfway' is a batch_sampler of own 1.0"):
        Manager().find("loss", name)


def test_a_right_name_of_a_wrong_package_leads_to_the_right_package(site: FakeSite) -> None:
    offer(site, "own", gait_losses={"Own": "a:B"})
    with pytest.raises(UnknownComponent, match=r"did you mean 'Own'\? \(loss of own 1.0\)"):
        Manager().find("loss", "other/Own")


def test_an_unknown_kind_lists_the_kinds() -> None:
    with pytest.raises(UnknownComponent, match=r"kind 'losses'; the kinds are model[^$]*mean 'loss'"):
        Manager().find("losses", "TripletLoss")


def test_a_search_over_all_kinds_says_component() -> None:
    with pytest.raises(UnknownComponent, match="offers a component called 'TrackletGate'") as caught:
        Manager().search("TrackletGate")
    assert "did you mean 'TrackletGait'? (model of gait-plugins-trackletgait" in str(caught.value)

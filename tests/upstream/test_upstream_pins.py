"""Pinned versions of the second host: what they list, and what a checkout that differs is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.hosts.upstream_host import mini, pin

from gait_plugins.errors import UpstreamMismatch
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches import chosen, load
from upstream_patches.run import pins

PINNED = "0efafd4779f127fbce34f22aff301bd82e923da5"


def test_the_shipped_pin_lists_exactly_what_the_patches_rely_on():
    (pin,) = [pin for pin in pins.pinned() if pin.commit == PINNED]
    assert list(pin.files) == pins.relied_on(load()), (
        "gait-plugins upstream pin --opengait DIR writes it again"
    )


def test_a_pinned_checkout_is_known_whatever_its_line_ends(tmp_path: Path, monkeypatch):
    checkout = mini(tmp_path / "host")
    file = pin(checkout, tmp_path / "pins", monkeypatch)
    assert json.loads(file.read_text())["commit"] == "miniature"
    program = checkout.root / "opengait" / "main.py"
    program.write_bytes(program.read_bytes().replace(b"\n", b"\r\n"))
    assert pins.verify(checkout, load()).commit == "miniature"


def test_differing_and_missing_files_are_listed(tmp_path: Path, monkeypatch):
    checkout = mini(tmp_path / "host")
    pin(checkout, tmp_path / "pins", monkeypatch)
    (checkout.root / "opengait" / "main.py").write_text("# changed")
    (checkout.root / "opengait" / "data" / "sampler.py").unlink()
    with pytest.raises(UpstreamMismatch) as caught:
        pins.verify(checkout, load())
    text = str(caught.value)
    assert "opengait/main.py\n" in text
    assert "opengait/data/sampler.py (missing)" in text
    assert "utils/common.py" not in text
    assert "--allow-unpinned" in text
    assert str(checkout.root) in text


def test_of_several_pins_the_nearest_is_named(tmp_path: Path, monkeypatch):
    checkout = mini(tmp_path / "host")
    pin(checkout, tmp_path / "pins", monkeypatch)
    (checkout.root / "opengait" / "main.py").write_text("# newer")
    pins.write(checkout, load(), "newer")
    assert pins.verify(checkout, load()).commit == "newer"
    (checkout.root / "configs" / "default.yaml").write_text("{}")
    with pytest.raises(UpstreamMismatch, match=r"pinned commit newer in\n    configs/default\.yaml\n"):
        pins.verify(checkout, load())


def test_files_of_patches_that_are_left_out_do_not_matter(tmp_path: Path, monkeypatch):
    checkout = mini(tmp_path / "host")
    pin(checkout, tmp_path / "pins", monkeypatch)
    only_one = next(file for patch in load() if patch.name == "safe-loading" for file in patch.files)
    others = [patch for patch in load() if only_one not in patch.files]
    (checkout.root / only_one).write_text("# changed")
    pins.verify(checkout, others)
    with pytest.raises(UpstreamMismatch, match=only_one):
        pins.verify(checkout, chosen())


def test_what_only_a_part_relies_on_may_be_missing_from_a_pin(tmp_path: Path, monkeypatch):
    checkout = mini(tmp_path / "host")
    monkeypatch.setattr(pins, "FOLDER", tmp_path / "pins")
    (checkout.package / "modeling/multidataset_model.py").unlink()
    pins.write(checkout, load(), "older", "2024-07-10")
    assert pins.verify(Checkout(checkout.root), load()).commit == "older"
    (checkout.package / "data/sampler.py").unlink()
    with pytest.raises(UpstreamMismatch, match=r"data\.sampler"):
        pins.write(Checkout(checkout.root), load(), "broken")


def test_the_newest_pin_is_that_of_the_latest_day(tmp_path: Path, monkeypatch):
    checkout = mini(tmp_path / "host")
    monkeypatch.setattr(pins, "FOLDER", tmp_path / "pins")
    with pytest.raises(UpstreamMismatch, match="no version of OpenGait is pinned"):
        pins.newest()
    for name, day in (("a", "2024-07-10"), ("b", "2026-07-13"), ("c", "2025-06-23")):
        pins.write(checkout, load(), name, day)
    assert pins.newest().commit == "b"


def test_no_pin_at_all_and_no_git_are_told(tmp_path: Path, monkeypatch):
    checkout = mini(tmp_path / "host")
    monkeypatch.setattr(pins, "FOLDER", tmp_path / "pins")
    with pytest.raises(UpstreamMismatch, match="no version of OpenGait is pinned"):
        pins.verify(checkout, load())
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(UpstreamMismatch, match="git does not report the commit of the checkout") as caught:
        pins.write(checkout, load())
    assert "--commit" in str(caught.value)

"""Patches of the second host: they probe first, apply all or nothing, and revert exactly."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from helpers.hosts.upstream_host import mini

from gait_plugins.errors import UpstreamMismatch
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches import chosen, load
from upstream_patches.patches.patch import Host, Patch, Replacements, applied


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return mini(tmp_path / "host")


@pytest.fixture
def host(checkout: Checkout) -> Iterator[Host]:
    with checkout.attached():
        yield Host(checkout, device="cpu")


class Marks(Patch):
    name = "marks"
    touches = why = "a test"
    expects: ClassVar[Any] = {"evaluation.metric": {"cuda_dist": ["x", "y", "metric"]}}

    def change(self, host: Host) -> None:
        self.replace.set(host.module("evaluation.metric"), "cuda_dist", None)


class Fails(Marks):
    name = "fails"

    def change(self, host: Host) -> None:
        super().change(host)
        raise KeyError("nothing like that")


# --- the journal -------------------------------------------------------------------------------


class Base:
    inherited = 1
    fixed = staticmethod(lambda: 2)


class Child(Base):
    own = 3
    fixed = staticmethod(lambda: 4)


def test_what_was_set_is_set_back_exactly():
    before, entries = dict(vars(Child)), {"a": 1}
    replace = Replacements()
    for name in ("own", "inherited", "fixed", "new", "own"):
        replace.set(Child, name, name)
    replace.set_item(entries, "a", 2)
    replace.set_item(entries, "b", 3)
    assert Child.own == "own"
    replace.revert()
    assert dict(vars(Child)) == before
    assert (Child.inherited, Child.fixed()) == (1, 4)
    assert entries == {"a": 1}


def test_look_ups_are_asked_the_newest_first():
    module = types.ModuleType("place")
    replace = Replacements()

    def knows(*names: str) -> Any:
        def find(name: str) -> str:
            if name not in names:
                raise AttributeError(name)
            return f"{name} of {names}"

        return find

    replace.look_up(module, knows("old", "both"))
    replace.look_up(module, knows("new", "both"))
    assert module.old == "old of ('old', 'both')"
    assert module.both == "both of ('new', 'both')"
    with pytest.raises(AttributeError, match="module 'place' has no attribute 'nothing'"):
        _ = module.nothing
    replace.revert()
    assert not hasattr(module, "old")


def test_the_words_of_the_newest_look_up_are_kept():
    class Words(UpstreamMismatch, AttributeError):
        pass

    module = types.ModuleType("place")
    replace = Replacements()

    def unknown(name: str) -> Any:
        raise AttributeError(name)

    def speaks(name: str) -> Any:
        raise Words(f"nobody offers {name}")

    replace.look_up(module, unknown)
    replace.look_up(module, speaks)
    with pytest.raises(Words, match="nobody offers it"):
        _ = module.it


# --- all or nothing ----------------------------------------------------------------------------


def test_where_one_fails_none_is_applied(host: Host):
    before = host.module("evaluation.metric").cuda_dist
    with (
        pytest.raises(UpstreamMismatch, match="could not be applied: KeyError") as caught,
        applied([Marks(), Fails()], host),
    ):
        pytest.fail("nothing must run")
    assert caught.value.where == "patch fails"
    assert host.module("evaluation.metric").cuda_dist is before


def test_a_probe_tells_what_is_missing_and_what_is_different(host: Host):
    metric = host.checkout.file("evaluation.metric")
    metric.write_text(metric.read_text().replace('cuda_dist(x, y, metric="euc")', "cuda_dist(x)"))
    with pytest.raises(UpstreamMismatch, match=r"cuda_dist is \(x\), expected \(x, y, metric\)"):
        Marks().probe(Checkout(host.checkout.root))
    metric.write_text(metric.read_text().replace("def cuda_dist", "def distance"))
    with pytest.raises(UpstreamMismatch, match=r"patch marks: evaluation\.metric has no cuda_dist"):
        Marks().probe(Checkout(host.checkout.root))


def test_a_parameter_that_was_added_with_a_default_does_no_harm(host: Host):
    metric = host.checkout.file("evaluation.metric")
    before = metric.read_text()
    for signature in (
        'cuda_dist(x, y, metric="euc", chunk=1)',
        "cuda_dist(x, y, metric, *more, chunk=1, **others)",
        "cuda_dist(x, y, metric=None, *, chunk=1)",
    ):
        metric.write_text(before.replace('cuda_dist(x, y, metric="euc")', signature))
        Marks().probe(Checkout(host.checkout.root))
    for signature, found in (
        ("cuda_dist(x, y, metric, chunk)", r"\(x, y, metric, chunk\)"),
        ("cuda_dist(x, y, chunk=1, metric=2)", r"\(x, y, chunk=\.\.\., metric=\.\.\.\)"),
        ("cuda_dist(x, y, metric, *, chunk)", r"\(x, y, metric, chunk\)"),
    ):
        metric.write_text(before.replace('cuda_dist(x, y, metric="euc")', signature))
        with pytest.raises(UpstreamMismatch, match=rf"cuda_dist is {found}, expected \(x, y, metric\)"):
            Marks().probe(Checkout(host.checkout.root))


def test_where_only_some_components_need_it_that_patch_or_part_alone_is_off(host: Host):
    (host.checkout.package / "modeling/multidataset_model.py").unlink()
    aggregator = host.checkout.file("modeling.loss_aggregator")
    aggregator.write_text(aggregator.read_text().replace("training_feats", "features"))
    fresh = Host(Checkout(host.checkout.root), device="cpu")
    with applied(load(), fresh):
        assert fresh.off == {
            "several-data-sets": "the checkout has no module modeling.multidataset_model",
            "losses": "modeling.loss_aggregator.LossAggregator.forward is (self, features), "
            "expected (self, training_feats)",
        }
        assert len(fresh.trainers()) == 1
        assert "__getattr__" in vars(fresh.module("data.sampler"))
        with pytest.raises(AttributeError):
            _ = fresh.module("modeling.losses").TripletLoss_HardEx


def test_no_patch_is_applied_where_a_needed_one_does_not_fit(host: Host):
    host.checkout.file("data.sampler").write_text("")
    with pytest.raises(UpstreamMismatch, match=r"data\.sampler has no "), applied(load(), host):
        pytest.fail("nothing must run")
    assert not any(name.split(".")[0] == "modeling" for name in sys.modules)


def test_patches_are_left_out_by_name():
    names = [patch.name for patch in load()]
    assert len(set(names)) == len(names)
    assert [patch.name for patch in chosen(["device"])] == [name for name in names if name != "device"]
    with pytest.raises(UpstreamMismatch, match="unknown patch 'devise'") as caught:
        chosen(["devise"])
    assert "did you mean 'device'" in str(caught.value)


@pytest.mark.parametrize("patch", load(), ids=lambda patch: patch.name)
def test_every_patch_says_what_and_why_and_fits_the_miniature(checkout: Checkout, patch: Patch):
    assert patch.name
    assert patch.touches
    assert patch.why
    assert patch.files
    assert [file for file in patch.files if not (checkout.root / file).is_file()] == []
    patch.probe(checkout)


WATCHED = (torch, torch.cuda, torch.distributed, torch.Tensor, torch.nn.Module, torch.nn.SyncBatchNorm, np)


def test_all_patches_together_leave_no_trace(host: Host):
    with applied(load(), host):
        pass  # every module of the host is imported now
    places = [module for name, module in sorted(sys.modules.items()) if host.checkout.owns(module)]
    places += [vars(module)["BaseModel"] for module in places if "BaseModel" in vars(module)]
    before = [dict(vars(place)) for place in (*WATCHED, *places)]
    finders, names = list(sys.meta_path), set(sys.modules)
    with applied(load(), host):
        assert [dict(vars(place)) for place in (*WATCHED, *places)] != before
    for place, was in zip((*WATCHED, *places), before, strict=True):
        now = dict(vars(place))
        assert {name for name in now.keys() | was.keys() if now.get(name) is not was.get(name)} == set(), (
            place
        )
    assert sys.meta_path == finders
    assert {
        name for name in set(sys.modules) - names if "torchvision" in name or "matplotlib" in name
    } == set()

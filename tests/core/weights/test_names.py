"""Names of checkpoints: what may be told of, what a name stands for, and what is said where it is not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.components.fake_site import FakeSite
from helpers.components.published import CONTENT, Tell, Teller, published

from gait_plugins import (
    CheckpointError,
    ComponentConflict,
    HubFile,
    PackageFile,
    PluginLoadError,
    WebFile,
)
from gait_plugins.core.checkpoints.files import load_checkpoint
from gait_plugins.core.weights.fetch import fetch
from gait_plugins.core.weights.lookup import find_entry, located
from gait_plugins.registry.manager import Manager
from gait_plugins.registry.published import NamedCheckpoint

RIGHT = published(WebFile("https://example.org/net.pt"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sha256": ""}, "its sha256 is ''"),
        ({"sha256": "0" * 63}, "64 hexadecimal digits"),
        ({"sha256": RIGHT.sha256.upper()}, "in lower case"),
        ({"sha256": None}, "its sha256 is None"),
        ({"bytes": 0}, "its size is 0"),
        ({"bytes": True}, "its size is True"),
        ({"licence": " "}, "its licence is ' '"),
        ({"config": ""}, "its config is ''"),
        ({"figure": None}, "its figure is None"),
        ({"address": "https://example.org/net.pt"}, "expected a HubFile, a WebFile or a PackageFile"),
    ],
)
def test_a_checkpoint_without_its_facts_is_refused(change: dict[str, object], said: str):
    with pytest.raises(PluginLoadError, match=re.escape(said)):
        replace(RIGHT, **change)  # type: ignore[arg-type]


def test_a_checkpoint_without_a_checksum_cannot_be_written_down():
    with pytest.raises(TypeError, match="sha256"):
        type(RIGHT)(RIGHT.address, bytes=1, licence="mit", config="walkers/gei")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "make",
    [
        lambda: WebFile("http://example.org/net.pt"),
        lambda: WebFile("ftp://example.org/net.pt"),
        lambda: WebFile("https://example.org/"),
        lambda: WebFile("file:///etc/passwd"),
        lambda: HubFile("net", "model.pt"),
        lambda: HubFile("acme/net", "../model.pt"),
        lambda: HubFile("acme/net", "model.pt", ""),
        lambda: PackageFile("acme-gait", "net.pt"),
        lambda: PackageFile("acme_gait", "/etc/passwd"),
    ],
)
def test_an_address_that_is_none_is_refused(make):
    with pytest.raises(PluginLoadError, match="a published checkpoint cannot be told of"):
        make()


@pytest.mark.parametrize(
    "told", [None, {"net": RIGHT}, {"acme/net.pt": RIGHT}, {"acme/net": "x"}, {"a b/c": RIGHT}]
)
def test_a_hook_that_returns_something_else_is_refused(manager: Manager, told: object):
    with pytest.raises(PluginLoadError, match="expected a mapping of names with a slash"):
        manager.register(Teller(told), distribution="acme-gait")
    assert not [each for each in manager.checkpoints() if each.owner.distribution == "acme-gait"]


class _Second(Teller):
    """Another plugin of the same package."""


def test_one_package_tells_of_a_name_once(manager: Manager):
    manager.register(Teller({"acme/net": RIGHT}), distribution="acme-gait")
    with pytest.raises(PluginLoadError, match="already offers the checkpoint 'acme/net'"):
        manager.register(_Second({"acme/net": RIGHT}), distribution="acme-gait")


def test_two_packages_of_one_name_are_told_apart_by_package(tell: Tell, server, cache: Path):
    server.files["/net.pt"] = CONTENT
    first = tell(WebFile(f"{server.url}/net.pt"))
    tell(WebFile("https://example.org/b.pt"), package="other-gait", content=b"b")
    with pytest.raises(ComponentConflict, match="acme-gait/acme/net or other-gait/acme/net"):
        find_entry("acme/net")
    fetch(first)
    assert located(Path("acme-gait/acme/net")).read_bytes() == CONTENT


def test_a_name_stands_for_the_fetched_file(entry: NamedCheckpoint):
    path = fetch(entry).path
    assert located(Path("acme/net")) == path
    assert located(Path("ACME/Net")) == path
    assert located(Path("acme/net#model.ema")) == path.with_name("net.pt#model.ema")


def test_nothing_is_fetched_by_the_way(entry: NamedCheckpoint, server):
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(Path("acme/net"))
    assert "the published checkpoint 'acme/net' is not fetched yet (0.5 MB)" in str(caught.value)
    assert caught.value.hint == "gait-plugins checkpoint fetch acme/net"
    assert server.asked == []


def test_a_damaged_file_is_not_read(entry: NamedCheckpoint):
    fetch(entry).path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(CheckpointError, match="is not the published checkpoint 'acme/net': its sha256 is"):
        located(Path("acme/net"))


def test_a_file_goes_before_a_name(entry: NamedCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "net").write_bytes(b"x")
    assert located(Path("acme/net")) == Path("acme/net")


def test_a_misspelt_name_is_told_the_nearest(entry: NamedCheckpoint):
    with pytest.raises(CheckpointError, match=r"there is no such checkpoint(.|\n)*did you mean 'acme/net'"):
        load_checkpoint(Path("acme/nett"))
    with pytest.raises(CheckpointError, match=r"package tells of (.|\n)*did you mean 'acme/net'"):
        find_entry("acme/nett")
    with pytest.raises(CheckpointError, match=r"'gaitbase/casiab' \(that is a configuration, whose weights"):
        find_entry("gaitbase/casiab")


def test_what_is_no_name_is_reported_as_a_file(entry: NamedCheckpoint):
    with pytest.raises(CheckpointError, match="there is no such checkpoint") as caught:
        load_checkpoint(Path("runs/mine/last.pt"))
    assert "did you mean" not in str(caught.value)


def test_a_shipped_file_is_there_at_once(
    tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
):
    site = tmp_path / "site"
    (site / "acme_weights" / "files").mkdir(parents=True)
    (site / "acme_weights" / "__init__.py").write_text("")
    (site / "acme_weights" / "files" / "net.pt").write_bytes(CONTENT)
    FakeSite(site, monkeypatch)
    entry = tell(PackageFile("acme_weights", "files/net.pt"))
    assert located(Path("acme/net")).read_bytes() == CONTENT
    assert fetch(entry).state == "shipped"
    assert fetch(entry, tmp_path / "out").state == "copied"
    (site / "acme_weights" / "files" / "net.pt").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"is damaged: it has 1 bytes(.|\n)*reinstall acme-gait"):
        fetch(entry)
    (site / "acme_weights" / "files" / "net.pt").unlink()
    with pytest.raises(CheckpointError, match=r"is not in its package(.|\n)*reinstall acme-gait"):
        located(Path("acme/net"))


def test_a_package_that_is_not_there_is_named(tell: Tell):
    tell(PackageFile("acme_gait_that_is_not_there", "net.pt"))
    with pytest.raises(CheckpointError, match="belongs to the package acme_gait_that_is_not_there"):
        located(Path("acme/net"))

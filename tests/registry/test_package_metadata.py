"""Package metadata as half-failed installations leave it: the newest counts, and the rest is named."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.children import import_path
from helpers.components.fake_site import FakeSite, manifest
from helpers.places import ROOT
from packaging.version import Version

from gait_plugins import __version__
from gait_plugins.plugins import MANIFESTS
from gait_plugins.registry.discovery import BUILT_IN
from gait_plugins.registry.manager import Manager
from gait_plugins.registry.versions import age

if sys.version_info >= (3, 11):
    import tomllib

VERSIONS = [
    *("0.1.0", "0.2.0", "0.10.0", "1.0", "1.0.0", "1.0.1", "1!0.1", "1.0.dev1", "1.0a1", "1.0a2.dev3"),
    *(
        "1.0b1",
        "1.0rc1",
        "1.0c2",
        "1.0.post1",
        "1.0-1",
        "1.0.post1.dev2",
        "1.0+local",
        "1.0+2",
        "v2",
        "2.0PRE1",
    ),
    *("1.0a1.post2", "2023.12.1", "1.0+abc.1", "1.0+abc.10"),
]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSite:
    site = FakeSite(tmp_path, monkeypatch)
    site.package("tiny-gait", manifest(gait_losses={"TinyLoss": "tiny_gait:TinyLoss"}), version="0.10.0")
    return site


def _leave(folder: Path, name: str, metadata: str | bytes | None, entry_points: str | bytes | None) -> Path:
    info = folder / name
    info.mkdir()
    for file, content in (("METADATA", metadata), ("entry_points.txt", entry_points)):
        if content is not None:
            (info / file).write_bytes(content.encode() if isinstance(content, str) else content)
    return info


def _about(version: str, name: str = "tiny-gait") -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


OURS = "[gait_plugins]\ntiny_gait = tiny_gait\n"
GONE = "[gait_plugins]\ntiny = tiny_gait_of_old\n"

LEFT = {
    "older, module renamed since": ("tiny_gait-0.9.0.dist-info", _about("0.9.0"), GONE),
    "older, same module": ("tiny_gait-0.9.0.dist-info", _about("0.9.0"), OURS),
    "older in another spelling": ("Tiny.Gait-0.9.dist-info", _about("0.9", "Tiny.Gait"), GONE),
    "no METADATA": ("tiny_gait-0.9.0.dist-info", None, OURS),
    "METADATA without a name": ("tiny_gait-11.0.dist-info", "Metadata-Version: 2.1\nVersion: 11.0\n", GONE),
    "METADATA that is no text": ("tiny_gait-11.0.dist-info", b"\xff\xfe\x00Name", GONE),
    "no version": ("tiny_gait.dist-info", "Name: tiny-gait\n", GONE),
    "table that is no text": ("tiny_gait-0.9.0.dist-info", _about("0.9.0"), b"\xff[gait_plugins]\n"),
    "table cut off": ("tiny_gait-0.9.0.dist-info", _about("0.9.0"), "[gait_plugins]\ntiny_ga"),
    "set aside by pip, newer": ("~iny_gait-11.0.dist-info", _about("11.0"), GONE),
    "of a source folder": ("tiny_gait.egg-info", _about("0.9.0"), GONE),
    "empty": ("tiny_gait-0.9.0.dist-info", None, None),
}


@pytest.mark.parametrize("case", LEFT)
@pytest.mark.parametrize("backwards", [False, True])
def test_the_newest_metadata_of_a_folder_counts(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch, case: str, backwards: bool
) -> None:
    left = _leave(site.folder, *LEFT[case])
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda *path: sorted(listed(*path), reverse=backwards))
    manager = Manager()
    assert manager.failures == []
    assert str(manager.find("loss", "TinyLoss").owner) == "tiny-gait 0.10.0"
    assert [leftover.folder for leftover in manager.leftovers] == [str(left)]


def test_plugins_check_names_the_folder_to_delete(site: FakeSite) -> None:
    left = _leave(site.folder, *LEFT["no METADATA"])
    environment = {**os.environ, "PYTHONPATH": import_path(site.folder)}
    command = [sys.executable, "-m", "gait_plugins", "plugins", "check"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert f"{left}: metadata without a name, beside tiny-gait 0.10.0" in done.stdout
    assert "delete this folder" in done.stdout


def test_a_plugin_that_the_newest_metadata_no_longer_lists_is_gone(site: FakeSite) -> None:
    _leave(site.folder, "tiny_gait-0.11.0.dist-info", _about("0.11.0"), None)
    assert [c for c in Manager().components("loss") if c.name == "TinyLoss"] == []


def test_metadata_that_cannot_be_used_is_told_where_there_is_no_other(site: FakeSite) -> None:
    (site.folder / "tiny_gait-0.10.0.dist-info" / "METADATA").unlink()
    _leave(
        site.folder, "other_gait-1.0.dist-info", _about("1.0", "other-gait"), b"[gait_plugins]\n\xff = x\n"
    )
    told = {str(failure.owner): failure.reason for failure in Manager().failures}
    assert set(told) == {"tiny-gait 0.10.0", "other-gait 1.0"}
    assert "METADATA is missing" in told["tiny-gait 0.10.0"]
    assert str(site.folder / "other_gait-1.0.dist-info") in told["other-gait 1.0"]


def test_damaged_metadata_of_a_foreign_package_is_nobodys_business(site: FakeSite) -> None:
    _leave(site.folder, "foreign-1.0.dist-info", _about("1.0", "foreign"), b"[console_scripts]\n\xff\n")
    manager = Manager()
    assert (manager.failures, list(manager.leftovers)) == ([], [])


@pytest.mark.parametrize(
    ("version", "table"),
    [
        (__version__, None),
        (__version__, ""),
        (__version__, b"\xff\x00[gait_plugins]"),
        ("0.0.1", "[gait_plugins]\nzoo = gait_plugins.zoo_of_old\n"),
        ("99.0", "[gait_plugins]\nnew = gait_plugins.plugins.of_the_future\n"),
        (None, "[gait_plugins]\nzoo = gait_plugins.plugins.zoo\n"),
    ],
)
def test_built_ins_do_not_vanish_by_damaged_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, table: str | bytes | None
) -> None:
    expected = [(c.name, str(c.owner)) for c in Manager(allow=[]).components()]
    about = None if version is None else _about(version, BUILT_IN)
    folder = f"{BUILT_IN.replace('-', '_')}-{version or __version__}.dist-info"
    site = FakeSite(tmp_path, monkeypatch)
    _leave(site.folder, folder, about, table)
    manager = Manager(allow=[])
    assert manager.failures == []
    assert [(c.name, str(c.owner)) for c in manager.components()] == expected
    assert len(expected) > 50


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_the_built_ins_are_those_that_the_package_lists_for_others() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["gait_plugins"]
    assert listed == MANIFESTS


def test_versions_are_ordered_as_pip_orders_them() -> None:
    for one, other in itertools.combinations(VERSIONS, 2):
        expected = (Version(one) > Version(other)) - (Version(one) < Version(other))
        assert (age(one) > age(other)) - (age(one) < age(other)) == expected, (one, other)


def test_what_is_no_version_is_older_than_all() -> None:
    assert age("unknown") < age("0.dev0")
    assert age("") < age("0")

"""Commands on data in a store: as on this machine, and no credentials in what they write and say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.components.tiny_training import equal, final, run, trained
from helpers.files.layout_files import packed, small_set
from helpers.remote.file_server import FileServer, serving
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.io.remote import address, listing, store

pytestmark = pytest.mark.usefixtures("tiny")
pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")

SECRET = "verysecret"


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(listing, "_trees", {})
    store.recent.forget()


@pytest.fixture
def data(tmp_path: Path) -> tuple[str, str]:
    return small_set(tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with serving(tmp_path) as told:
        yield told


def gait(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert SECRET not in result.output
    return result.exit_code, result.output


def settings(root: str, listed: str) -> list[str]:
    kind = "PackedSilhouettes" if ".npz" in root else "OpenGaitLayout"
    return [
        f"data_cfg.type={kind}",
        f"data_cfg.dataset_root={root}",
        f"data_cfg.dataset_partition={listed}",
        "model_cfg.classes=2",
    ]


def secret_address(server: FileServer, name: str) -> str:
    server.token = f"sig={SECRET}"
    return f"http://me:{SECRET}@{server.url.removeprefix('http://')}/{name}?sig={SECRET}"


def assert_nothing_secret(folder: Path) -> None:
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("workers", [0, 2])
def test_training_on_a_packed_file_in_a_store(
    workers: int, data: tuple[str, str], server: FileServer, tiny_yaml: Path, tmp_path: Path
):
    root, listed = data
    file = packed(root)
    folder = tmp_path / "output/Tiny/TinyModel/tiny"
    run(tiny_yaml, *settings(file, listed))
    right = trained(final(folder))
    (tmp_path / "output").rename(tmp_path / "there")
    there = secret_address(server, Path(file).name)
    run(tiny_yaml, *settings(there, listed), f"data_cfg.num_workers={workers}")
    assert equal(trained(final(folder)), right)
    assert_nothing_secret(tmp_path / "output")
    assert_nothing_secret(tmp_path / "cache")
    told = (folder / "config.yaml").read_text()
    assert f"http://***@{server.url.removeprefix('http://')}/data.npz?sig=***" in told


def test_training_on_a_folder_in_a_store(
    data: tuple[str, str], server: FileServer, tiny_yaml: Path, tmp_path: Path
):
    root, listed = data
    folder = tmp_path / "output/Tiny/TinyModel/tiny"
    run(tiny_yaml, *settings(root, listed))
    right = trained(final(folder))
    (tmp_path / "output").rename(tmp_path / "there")
    run(tiny_yaml, *settings(f"{server.url}/data", listed))
    assert equal(trained(final(folder)), right)


def test_commands_take_addresses(data: tuple[str, str], server: FileServer, tiny_yaml: Path, tmp_path: Path):
    root, listed = data
    there = secret_address(server, Path(packed(root)).name)
    chosen = [word for each in settings(there, listed) for word in ("-o", each)]
    code, text = gait("train", tiny_yaml, *chosen, "--device", "cpu")
    assert code == 0, text
    code, text = gait("test", tiny_yaml, *chosen, "--device", "cpu")
    assert code == 0, text
    for name, words in {"set": (), "data": (there,)}.items():
        code, text = gait(
            "embed", tiny_yaml, *words, *chosen, "--device", "cpu", "-O", tmp_path / f"{name}.npz"
        )
        assert code == 0, text
    gait("embed", tiny_yaml, root, *chosen, "--device", "cpu", "-O", tmp_path / "here.npz")
    with np.load(tmp_path / "data.npz") as found, np.load(tmp_path / "here.npz") as right:
        np.testing.assert_array_equal(found["embeddings"], right["embeddings"])
    assert SECRET.encode() not in (tmp_path / "data.npz").read_bytes()
    assert_nothing_secret(tmp_path / "output")


def test_a_check_of_an_address_finds_what_a_check_here_finds(data: tuple[str, str], server: FileServer):
    root, listed = data
    (Path(root) / "001/nm-01/000/000.pkl").write_bytes(b"")
    for name, here_of in {"data": str, "data.npz": packed_without}.items():
        here, there = here_of(root), f"{server.url}/{name}"
        code, right = gait("data", "check", "--root", here, "--partition", listed)
        found = gait("data", "check", "--root", there, "--partition", f"{server.url}/{Path(listed).name}")
        assert found == (code, right.replace(here, there))


def packed_without(root: str) -> str:
    """The same data packed, without the walk that is damaged."""
    (Path(root) / "001/nm-01/000/000.pkl").unlink()
    return packed(root)


@pytest.mark.parametrize("status", [403, 404, 0])
def test_refusals_say_nothing_secret(
    status: int, data: tuple[str, str], server: FileServer, tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store, "_FIRST_WAIT", 0.001)
    there = secret_address(server, "nowhere.npz")
    server.always = status
    chosen = [word for each in settings(there, data[1]) for word in ("-o", each)]
    code, text = gait("train", tiny_yaml, *chosen, "--device", "cpu")
    assert code == 2
    assert "***" in text
    assert "Traceback" not in text


def test_a_run_folder_asks_for_the_address_again(
    data: tuple[str, str],
    server: FileServer,
    tiny_yaml: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    root, listed = data
    there = secret_address(server, Path(packed(root)).name)
    run(tiny_yaml, *settings(there, listed))
    monkeypatch.setattr(address, "_known", {})
    kept = tmp_path / "output/Tiny/TinyModel/tiny/config.yaml"
    code, text = gait("test", kept, "--device", "cpu")
    assert code == 2
    assert "run folders do not keep them" in " ".join(text.split())
    assert "data_cfg.dataset_root=ADDRESS" in text
    code, text = gait("test", kept, "-o", f"data_cfg.dataset_root={there}", "--device", "cpu")
    assert code == 0, text


def test_a_store_is_packed_and_parted_as_a_folder_is(
    data: tuple[str, str], server: FileServer, tmp_path: Path
):
    root, _ = data
    right = Path(packed(root)).read_bytes()
    assert gait("data", "pack", f"{server.url}/data", tmp_path / "again.npz")[0] == 0
    assert (tmp_path / "again.npz").read_bytes() == right
    for name, place in {"a": root, "b": f"{server.url}/data.npz"}.items():
        assert gait("data", "partition", place, "-O", tmp_path / f"{name}.json")[0] == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()

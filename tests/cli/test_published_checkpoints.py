"""Published checkpoints on the command line: listed, fetched, and named wherever a checkpoint is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.components.published import Teller, published
from helpers.components.tiny_training import run as train
from helpers.hosts.weights_server import WeightsServer, weights_server
from typer.testing import CliRunner

from gait_plugins import WebFile
from gait_plugins.cli import app
from gait_plugins.registry.manager import Manager

NAME = "acme/tiny"


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WeightsServer]:
    monkeypatch.setenv("no_proxy", "*")
    with weights_server() as started:
        yield started


@pytest.fixture
def told(
    tiny: Manager, tiny_yaml: Path, server: WeightsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The tiny configuration, of which a checkpoint lies on the server."""
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path / "cache"))
    train(tiny_yaml)
    [file] = tiny_yaml.parent.rglob("tiny-00006.pt")
    server.files["/tiny.pt"] = file.read_bytes()
    address = WebFile(f"{server.url}/tiny.pt")
    entry = published(address, server.files["/tiny.pt"], config=str(tiny_yaml))
    tiny.register(Teller({NAME: entry}), distribution="acme-gait", version="2.0")
    return tiny_yaml


def test_a_list_says_what_there_is_and_whether_it_is_here(told: Path):
    shown = run("checkpoint", "list", "acme")
    assert "acme/tiny  (not fetched, " in shown
    assert "acme-gait 2.0)" in shown
    assert "Rank-1 90.1 on CASIA-B" in shown
    assert "apache-2.0" in shown
    assert run("checkpoint", "list", "casia-b") == shown
    assert run("checkpoint", "list", "grew").strip() == "no published checkpoint fits"
    assert "fits; did you mean 'acme/tiny'?" in run("checkpoint", "list", "acme/tyni")
    assert NAME not in run("checkpoint", "list", "--here")
    run("checkpoint", "fetch", NAME)
    [entry] = json.loads(run("checkpoint", "list", "acme", "--here", "--json"))
    assert entry["state"] == "fetched"
    assert entry["name"] == NAME
    assert len(entry["sha256"]) == 64


def test_a_fetch_says_where_it_is_and_how_it_is_used(told: Path, tmp_path: Path):
    said = run("checkpoint", "fetch", NAME)
    assert f"acme/tiny is fetched: {tmp_path / 'cache' / 'weights'}" in said
    assert f"gait-plugins embed {told} DATA --checkpoint acme/tiny -O FILE" in said
    assert "is here already" in run("checkpoint", "fetch", NAME)
    found = json.loads(run("checkpoint", "fetch", NAME, "--to", tmp_path / "there", "--json"))
    assert found == {"name": NAME, "path": str(tmp_path / "there" / "tiny.pt"), "state": "copied"}


def test_a_fetch_that_fails_ends_with_2(told: Path, server: WeightsServer):
    server.statuses["/tiny.pt"] = 404
    assert "there is no such file on the server (404)" in run("checkpoint", "fetch", NAME, code=2)
    assert "did you mean 'acme/tiny'" in run("checkpoint", "fetch", "acme/tyni", code=2)


def commands(told: Path, tmp_path: Path) -> list[tuple[object, ...]]:
    """Every command that takes a checkpoint and that the tiny model can do."""
    hint = f"trainer_cfg.restore_hint={NAME}"
    return [
        ("test", told, "--checkpoint", NAME, "--device", "cpu"),
        ("test", told, "-o", f"evaluator_cfg.restore_hint={NAME}", "--device", "cpu"),
        ("embed", told, "--checkpoint", NAME, "--device", "cpu", "-O", tmp_path / "e.npz"),
        ("train", told, "--init-from", NAME, "--device", "cpu", "-o", "trainer_cfg.save_name=a"),
        ("train", told, "-o", f"trainer_cfg.init={NAME}", "--device", "cpu", "-o", "trainer_cfg.save_name=b"),
        ("train", told, "-o", hint, "--device", "cpu", "-o", "trainer_cfg.save_name=c"),
        ("checkpoint", "show", NAME, "--config", told),
        ("checkpoint", "convert", NAME, tmp_path / "out.safetensors"),
    ]


@pytest.mark.heavy
def test_a_name_is_taken_wherever_a_checkpoint_is(told: Path, tmp_path: Path):
    run("checkpoint", "fetch", NAME)
    for words in commands(told, tmp_path):
        run(*words)


def test_a_name_that_is_not_fetched_is_told_everywhere(told: Path, tmp_path: Path, server: WeightsServer):
    for words in commands(told, tmp_path):
        said = run(*words, code=2)
        assert "gait-plugins checkpoint fetch acme/tiny" in said, words
    assert server.asked == []


def test_a_run_keeps_the_name_and_the_checksum(told: Path, server: WeightsServer):
    run("checkpoint", "fetch", NAME)
    run("train", told, "-o", f"trainer_cfg.init={NAME}", "--device", "cpu", "-o", "trainer_cfg.save_name=b")
    [record] = [json.loads(path.read_text()) for path in told.parent.rglob("b/init.json")]
    assert record[0]["file"] == NAME
    assert record[0]["sha256"] == published(WebFile("https://a.b/c"), server.files["/tiny.pt"]).sha256
    overrides = ("-o", "trainer_cfg.save_name=b", "-o", "trainer_cfg.total_iter=8")
    run("train", told, "--resume", "--allow-changes", "-o", f"trainer_cfg.init={NAME}", *overrides)

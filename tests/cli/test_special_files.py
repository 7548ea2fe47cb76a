"""Pipes, sockets and devices on the command line are refused in words; nothing waits for them."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gait_plugins.cli import app

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")


@pytest.fixture(autouse=True)
def _no_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)

    def tired(*_: object) -> None:
        raise AssertionError("the command waits")

    signal.signal(signal.SIGALRM, tired)
    signal.alarm(60)
    yield
    signal.alarm(0)


def made(name: str) -> str:
    """A pipe, or a socket where the name says so."""
    if name.startswith("socket"):
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(name)
    elif not name.startswith("/dev"):
        os.mkfifo(name)
    return name


def gait(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize("name", ["pipe.yaml", "pipe", "socket.yaml", "/dev/zero"])
@pytest.mark.parametrize("command", [("config", "check"), ("train", "--cfgs"), ("test",)])
def test_as_a_configuration(name: str, command: tuple[str, ...]):
    code, said = gait(*command, made(name))
    assert code == 2
    assert f"ConfigError: {name}: not a regular file: a pipe, socket or device" in said


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("name", ["pipe", "pipe.npz", "pipe.pkl", "pipe.png", "socket.npz", "/dev/zero"])
def test_as_data(tiny_yaml: Path, tmp_path: Path, name: str):
    assert gait("train", tiny_yaml, "--device", "cpu", "-o", "trainer_cfg.total_iter=1")[0] == 0
    checkpoint = next(tmp_path.rglob("*.pt"))
    words = [tiny_yaml, made(name), "--checkpoint", checkpoint, "--device", "cpu"]
    for command in (["embed", *words, "-O", "e.npz"], ["enroll", *words, "--gallery", "g.npz"]):
        code, said = gait(*command)
        assert code == 2
        assert f"DataError: {name}: not a regular file: a pipe, socket or device" in said


@pytest.mark.parametrize("command", [("data", "pack"), ("data", "partition", "--share", "0.5", "-O")])
def test_as_prepared_data(command: tuple[str, ...]):
    words = [*command, "q.json", made("p.npz")] if command[-1] == "-O" else [*command, made("p.npz"), "q.npz"]
    code, said = gait(*words)
    assert code == 2
    assert "DataError: p.npz: not a regular file: a pipe, socket or device" in said


def test_as_a_partition(tmp_path: Path):
    (tmp_path / "data" / "001" / "nm" / "090").mkdir(parents=True)
    code, said = gait("data", "check", "--root", "data", "--partition", made("pipe.json"))
    assert code == 2
    assert "the partition file cannot be read: not a regular file: a pipe, socket or device" in said


def test_as_a_checkpoint():
    code, said = gait("checkpoint", "show", made("pipe.pt"))
    assert code == 2
    assert "CheckpointError: pipe.pt: not a regular file: a pipe, socket or device" in said

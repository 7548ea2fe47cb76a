"""Files of the Hub: found by huggingface_hub, with its token and its server, and refused in words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers.components.published import CONTENT, Tell
from helpers.hosts.weights_server import COMMIT, TOKEN, Repository, WeightsServer

from gait_plugins import CheckpointError, HubFile
from gait_plugins.core.weights.cache import file_of
from gait_plugins.core.weights.fetch import fetch
from gait_plugins.registry.published import NamedCheckpoint

constants = pytest.importorskip("huggingface_hub.constants")
RESOLVED = f"/acme/net/resolve/{COMMIT}/weights/net.pt"


@pytest.fixture
def entry(
    server: WeightsServer, tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> NamedCheckpoint:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    server.repositories["acme/net"] = Repository({"weights/net.pt": CONTENT})
    return tell(HubFile("acme/net", "weights/net.pt", COMMIT))


def test_a_file_comes_from_its_repository(entry: NamedCheckpoint, server: WeightsServer):
    found = fetch(entry)
    assert found.path.name == "net.pt"
    assert found.path.read_bytes() == CONTENT
    assert server.count("HEAD", RESOLVED) == 1
    assert server.count("GET", RESOLVED) == 1
    assert fetch(entry).state == "present"
    assert server.count("HEAD", RESOLVED) == 1


def test_a_large_file_comes_from_where_the_hub_sends_us(entry: NamedCheckpoint, server: WeightsServer):
    server.redirects = True
    server.breaks_after = [1000]
    assert fetch(entry).path.read_bytes() == CONTENT
    ranges = [asked[2] for asked in server.asked if asked[1].startswith("/cdn/")]
    assert ranges == ["", "bytes=1000-"]


def test_an_interrupted_download_goes_on(entry: NamedCheckpoint, server: WeightsServer):
    server.breaks_after = [1000, 0, 0]
    with pytest.raises(CheckpointError, match=r"acme/net@c+: weights/net.pt: .*1000 of 512000 bytes came"):
        fetch(entry)
    fetch(entry)
    assert server.asked[-1] == ("GET", RESOLVED, "bytes=1000-")


def test_a_token_is_for_the_hub_alone(
    entry: NamedCheckpoint, server: WeightsServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    server.repositories["acme/net"].private = True
    server.redirects = True
    fetch(entry)
    assert server.tokens
    assert not [told for told in server.tokens if told.startswith("/cdn/")]


def refused(entry: NamedCheckpoint) -> str:
    with pytest.raises(CheckpointError) as caught:
        fetch(entry)
    assert caught.value.hint
    assert not file_of(entry).exists()
    return str(caught.value)


def test_a_private_repository(entry: NamedCheckpoint, server: WeightsServer):
    server.repositories["acme/net"].private = True
    told = refused(entry)
    assert "does not exist, or is private and not yours (401)" in told
    assert "hf auth login" in told


def test_a_gated_repository(entry: NamedCheckpoint, server: WeightsServer):
    server.repositories["acme/net"].gated = True
    assert "the repository is gated: its owner decides who may have it" in refused(entry)


def test_a_repository_that_is_not_there(entry: NamedCheckpoint, server: WeightsServer):
    del server.repositories["acme/net"]
    assert "the repository does not exist" in refused(entry)


def test_a_file_that_is_not_there(entry: NamedCheckpoint, server: WeightsServer):
    server.repositories["acme/net"].files.clear()
    assert "the repository has no such file" in refused(entry)


def test_a_revision_that_is_not_there(tell: Tell, entry: NamedCheckpoint):
    other = tell(HubFile("acme/net", "weights/net.pt", "v2"), name="acme/other", package="other-gait")
    assert "the repository has no such revision" in refused(other)


def test_a_repository_that_has_another_file_by_now(entry: NamedCheckpoint, server: WeightsServer):
    server.repositories["acme/net"].files["weights/net.pt"] = CONTENT[:-1] + b"x"
    assert "the repository has another file by now" in refused(entry)
    assert server.count("GET", RESOLVED) == 0


def test_a_token_without_rights(entry: NamedCheckpoint, server: WeightsServer):
    server.statuses[RESOLVED] = 403
    assert "the Hub refuses it (403)" in refused(entry)


def test_a_hub_that_is_out_of_order(entry: NamedCheckpoint, server: WeightsServer):
    server.statuses[RESOLVED] = 500
    assert "the Hub answers 500" in refused(entry)


def test_a_hub_that_is_not_there(entry: NamedCheckpoint, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "the Hub cannot be reached" in refused(entry)


def test_offline_mode_asks_nobody(
    entry: NamedCheckpoint, server: WeightsServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set: the Hub is not to be asked" in refused(entry)
    assert server.asked == []


def test_without_huggingface_hub_the_extra_is_named(entry: NamedCheckpoint, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "pip install 'gait-plugins-trackletgait[hub]'" in refused(entry)

"""Lifeline: a process that is needed and gone is noticed, one that has done its share may go."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from queue import Empty, Queue

import pytest

from gait_plugins.core.runtime import lifeline
from gait_plugins.core.runtime.lifeline import SILENCE, Lifeline, connected, open_door, received, silence

WORD = "0123abcd"
WHO = ("rank 0 on the host a", "rank 1 on the host b")


@pytest.fixture
def ends() -> Iterator[tuple[Lifeline, Lifeline]]:
    """Both ends of a lifeline, of rank 0 and of rank 1."""
    door, made = open_door(), Queue[Lifeline]()
    port = door.getsockname()[1]
    first = threading.Thread(target=lambda: made.put(received(door, WORD, 1)))
    first.start()
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\n")
        second = connected("127.0.0.1", port, WORD, WHO[1], WHO[0])
        pair = made.get(timeout=10), second
    first.join()
    yield pair
    for one in pair:
        for connection, _ in one.ends:
            connection.close()


def end(one: Lifeline) -> None:
    """What the system does for a process that ends."""
    for connection, _ in one.ends:
        connection.shutdown(socket.SHUT_RDWR)


def test_both_ends_know_each_other_and_no_stranger(ends: tuple[Lifeline, Lifeline]):
    assert [[who for _, who in one.ends] for one in ends] == [[WHO[1]], [WHO[0]]]


@pytest.mark.parametrize("words", ["", "+", "+-+"])
def test_one_that_is_needed_is_lost(ends: tuple[Lifeline, Lifeline], words: str):
    lost = Queue[str]()
    ends[0].watch(lambda: lost.put(ends[0].lost))
    for word in words:
        ends[1].tell(word)
    end(ends[1])
    assert lost.get(timeout=10) == "rank 1 on the host b ended"


def test_one_that_has_done_its_share_may_go(ends: tuple[Lifeline, Lifeline]):
    lost = Queue[str]()
    ends[0].watch(lambda: lost.put(ends[0].lost))
    for word in "+-":
        ends[1].tell(word)
    end(ends[1])
    with pytest.raises(Empty):
        lost.get(timeout=0.3)
    assert not ends[0].happened.is_set()


def test_the_first_process_tells_the_others_who_was_lost(ends: tuple[Lifeline, Lifeline]):
    lost = Queue[str]()
    ends[1].watch(lambda: lost.put(ends[1].lost))
    ends[0].tell("!rank 7 on the host h has been silent for 60 seconds")
    assert lost.get(timeout=10) == "rank 7 on the host h has been silent for 60 seconds"


def test_how_long_a_host_may_be_silent(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(SILENCE, raising=False)
    assert silence() == 60
    for text, seconds in (("90", 90), ("1", 4), ("soon", 60)):
        monkeypatch.setenv(SILENCE, text)
        assert silence() == seconds


def test_a_process_that_does_not_connect_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lifeline, "_CONNECTING", 0.2)
    assert received(open_door(), WORD, 1).ends == []

"""Lost processes: errors that another process's end causes, recognised wherever they come up."""

from __future__ import annotations

from collections.abc import Iterator

from gait_plugins.errors import DataError, GaitPluginsError, ProcessLost

_WORKER = "DataLoader worker"
"""How torch begins its message; a signal handler raises it wherever the main thread stands."""
_OF_PEERS = (
    "closed by peer",
    "reset by peer",
    "[gloo",
    "/gloo/",
    "recvvalue failed",
    "sendbytes failed",
)
"""What messages of gloo and its store hold, in lower case; errors of NCCL have classes of their own.

Nothing so general that a broken pipe of a component's own would be taken for it.
"""
_PEER_ERRORS = ("DistError", "DistBackendError", "DistNetworkError", "DistStoreError")


def lost_process(error: BaseException) -> GaitPluginsError | None:
    """The error in words where another process's end has caused it, else None.

    Causes and contexts are looked through too: what the loss of a process interrupts may wrap it.
    """
    for link in _chain(error):
        if isinstance(link, ProcessLost):
            return link
        text = str(link)
        if isinstance(link, RuntimeError) and text.startswith(_WORKER):
            return lost_worker(text)
        if type(link).__name__ in _PEER_ERRORS or _is_of_peers(link, text):
            return lost_peer()
    return None


def lost_worker(text: str) -> DataError:
    """The error for a loader worker that is gone."""
    return DataError(
        f"a loader worker ended unexpectedly: {text}",
        hint="the system may have killed it for lack of memory: choose a smaller data_cfg.num_workers",
    )


def lost_peer(who: str = "") -> ProcessLost:
    """The error for another process of the job that is gone; ``who`` says which, and what it did."""
    return ProcessLost(
        f"{who or 'another process of this job ended'}, and this process cannot continue alone",
        hint="see the error message of that process for the cause; start the command again: a training goes "
        "on from its last checkpoint with --resume",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _is_of_peers(error: BaseException, text: str) -> bool:
    # What torch says of connections between the processes of a job are plain RuntimeErrors.
    folded = text.lower()
    return isinstance(error, RuntimeError) and any(words in folded for words in _OF_PEERS)

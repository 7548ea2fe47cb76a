"""Hugging Face Hub: where a file of a repository lies, by huggingface_hub; its errors in words.

huggingface_hub finds the file, with the token and the server that the user has set. The bytes come by
:mod:`.download`: its own download leaves nothing behind to go on from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from gait_plugins.api import HubFile
from gait_plugins.core.weights.download import TIMEOUT, Source
from gait_plugins.errors import CheckpointError
from gait_plugins.registry.published import NamedCheckpoint
from gait_plugins.version import __version__

LOGIN = "log in with hf auth login, or set HF_TOKEN"


def import_hub() -> Any:
    """The package huggingface_hub.

    Raises:
        CheckpointError: it is not installed.
    """
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError as error:
        raise CheckpointError(
            "the Hugging Face Hub is reached by huggingface_hub, which is not installed",
            hint="pip install 'gait-plugins-trackletgait[hub]'",
        ) from error
    return huggingface_hub


def endpoint() -> str | None:
    """The server that ``HF_ENDPOINT`` names; None: the library's own."""
    return os.environ.get("HF_ENDPOINT") or None


def hub_source(address: HubFile, entry: NamedCheckpoint) -> Source:
    """Where the bytes of a file in a repository lie.

    Raises:
        CheckpointError: the server cannot be reached or is not to be asked, refuses, or has another file.
    """
    hub = import_hub()
    title = str(address)
    with hub_errors(title):
        url = hub.hf_hub_url(address.repository, address.file, revision=address.revision, endpoint=endpoint())
        headers = hub.utils.build_hf_headers(library_name="gait-plugins", library_version=__version__)
        found = hub.get_hf_file_metadata(url, headers=headers, timeout=TIMEOUT, endpoint=endpoint())
    _check_same(found, entry, title)
    location = found.location or url
    if urlsplit(location).netloc != urlsplit(url).netloc:
        headers = {}  # the token is for the hub alone, not for where it sends us
    kept = {name: text for name, text in headers.items() if name.lower() in ("authorization", "user-agent")}
    return Source(location, kept, title)


def _check_same(found: Any, entry: NamedCheckpoint, title: str) -> None:
    """See at once that the repository holds another file by now."""
    told = entry.published
    etag = (found.etag or "").strip('"')
    other = len(etag) == len(told.sha256) and etag != told.sha256  # of large files it is the checksum
    if other or (found.size is not None and found.size != told.bytes):
        raise CheckpointError(
            f"the repository has another file by now: {found.size} bytes, {etag}; the published one has "
            f"{told.bytes} bytes, sha256 {told.sha256}",
            where=title,
            hint=f"tell {entry.owner.distribution}: its entry should name a commit as revision",
        )


@contextmanager
def hub_errors(where: str) -> Iterator[None]:
    """Errors of huggingface_hub inside are told in words.

    Args:
        where: the file or repository.

    Raises:
        CheckpointError: one came.
    """
    errors = import_hub().errors
    try:
        with _unwrapped():
            yield
    except CheckpointError:
        raise
    except errors.OfflineModeIsEnabled as error:
        raise CheckpointError(
            "HF_HUB_OFFLINE is set: the Hub is not to be asked", where=where, hint="unset it to go on"
        ) from error
    except errors.GatedRepoError as error:
        raise CheckpointError(
            "the repository is gated: its owner decides who may have it",
            where=where,
            hint=f"ask for access on its page, then {LOGIN}",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise CheckpointError(
            f"the repository does not exist, or is private and not yours ({_status(error)})",
            where=where,
            hint=f"check the name; for a private one {LOGIN}",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise CheckpointError("the repository has no such revision", where=where, hint=_OUTDATED) from error
    except errors.EntryNotFoundError as error:
        raise CheckpointError("the repository has no such file", where=where, hint=_OUTDATED) from error
    except errors.HFValidationError as error:
        raise CheckpointError(
            f"this is no name of a repository: {_first_line(error)}", where=where, hint="write OWNER/NAME"
        ) from error
    except errors.HfHubHTTPError as error:
        raise _answered(error, where) from error
    except (ValueError, RuntimeError) as error:
        raise CheckpointError(f"huggingface_hub reports: {_all_of(error)}", where=where) from error
    except Exception as error:
        if not isinstance(error, OSError) and not _is_of_network(error):
            raise
        raise _unreachable(error, where) from error


@contextmanager
def _unwrapped() -> Iterator[None]:
    """An upload that fails says only which file it was; what happened is its cause."""
    try:
        yield
    except RuntimeError as error:
        if error.__cause__ is None:
            raise
        raise error.__cause__ from None


_OUTDATED = "the address is out of date: tell its package"
_NETWORK = ("httpx", "httpx2", "httpcore", "requests", "urllib3")
"""Packages whose errors come through huggingface_hub, by its version."""


def _is_of_network(error: Exception) -> bool:
    return any(cls.__module__.partition(".")[0] in _NETWORK for cls in type(error).__mro__)


def _answered(error: Any, where: str) -> CheckpointError:
    status = _status(error)
    if status == 401:
        return CheckpointError("the Hub does not accept the token (401)", where=where, hint=LOGIN)
    if status == 403:
        return CheckpointError(
            "the Hub refuses it (403): the token has no right to do this",
            where=where,
            hint="use a token that may write there, or another owner or name",
        )
    said = getattr(error, "server_message", None) or _first_line(error)
    return CheckpointError(f"the Hub answers {status}: {said}", where=where, hint="try it again later")


def _unreachable(error: Exception, where: str) -> CheckpointError:
    return CheckpointError(
        f"the Hub cannot be reached: {_first_line(error)}",
        where=where,
        hint="check the connection, the proxy and HF_ENDPOINT, and try it again",
    )


def _status(error: Any) -> int | None:
    status: int | None = getattr(getattr(error, "response", None), "status_code", None)
    return status


def _all_of(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__

"""Upload of a publication to the Hugging Face Hub, in one commit."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from gait_plugins.core.publish.card import WEIGHTS
from gait_plugins.core.publish.folder import Publication
from gait_plugins.core.weights.hub import LOGIN, endpoint, hub_errors, import_hub
from gait_plugins.errors import CheckpointError
from gait_plugins.version import __version__


@dataclass(frozen=True)
class Pushed:
    """A publication that is on the Hub."""

    url: str
    commit: str
    private: bool


def push(publication: Publication, repository: str, *, public: bool = False) -> Pushed:
    """Upload a publication; the repository is made where it is missing.

    Args:
        publication: what :func:`~.folder.write_publication` has written.
        repository: ``owner/name``.
        public: let everybody see it; a repository that is public already is left alone otherwise.

    Raises:
        CheckpointError: huggingface_hub is missing, there is no token, or the Hub refuses or is out of reach.
    """
    hub = import_hub()
    if hub.get_token() is None:
        raise CheckpointError(
            "there is no token for the Hub",
            where=repository,
            hint=LOGIN,
        )
    if not sys.stderr.isatty():
        hub.utils.disable_progress_bars()
    api = hub.HfApi(endpoint=endpoint(), library_name="gait-plugins", library_version=__version__)
    with hub_errors(repository):
        private = _ready(hub, api, repository, public)
        added = [
            hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(publication.folder / name))
            for name in publication.files
        ]
        done = api.create_commit(
            repository, added, commit_message=f"Weights and card by gait-plugins {__version__}"
        )
    return Pushed(f"{api.endpoint}/{repository}", str(done.oid), private)


def entry_code(publication: Publication, repository: str, commit: str, licence: str) -> str:
    """The lines by which a package tells of the weights, for its hook ``gait_checkpoints``."""
    return (
        f'"{repository}": PublishedCheckpoint(\n'
        f'    HubFile("{repository}", "{WEIGHTS}", revision="{commit}"),\n'
        f"    bytes={publication.bytes},\n"
        f'    sha256="{publication.sha256}",\n'
        f'    licence="{licence}",\n'
        '    config="CONFIG",\n'
        ")"
    )


def _ready(hub: Any, api: Any, repository: str, public: bool) -> bool:
    """Make the repository where it is missing, and tell whether it is private."""
    try:
        private = bool(api.repo_info(repository).private)
    except hub.errors.GatedRepoError:
        raise
    except hub.errors.RepositoryNotFoundError:
        api.create_repo(repository, private=not public, repo_type="model")
        return not public
    if not private and not public:
        raise CheckpointError(
            "the repository is there already, and everybody can see it",
            where=repository,
            hint="--public uploads to it; another name makes a private one",
        )
    return private

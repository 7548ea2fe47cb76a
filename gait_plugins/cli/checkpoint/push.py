"""Publishing of a checkpoint: ``gait-plugins checkpoint push``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gait_plugins.api.commands import Overrides
from gait_plugins.errors import ConfigError
from gait_plugins.io.printable import megabytes, printable, say

if TYPE_CHECKING:
    from gait_plugins.core.publish.source import Publishable


def run_push(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_OR_FILE",
            help="Run folder, of which the best or last checkpoint is taken; or a file.",
        ),
    ],
    repository: Annotated[str, typer.Argument(metavar="REPO", help="Repository on the Hub: OWNER/NAME.")],
    licence: Annotated[
        str,
        typer.Option(
            "--licence",
            "--license",
            help="Licence of the weights, by its name on the Hub: apache-2.0, other.",
        ),
    ],
    config: Annotated[
        str | None,
        typer.Option(metavar="CONFIG", help="Configuration of the weights, where the file does not hold it."),
    ] = None,
    override: Overrides = None,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON", help="Figures of these weights; default: those of the run folder for them."
        ),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Let everybody see it; default: private.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write the folder that would be uploaded, and upload nothing.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("-O", "--out", metavar="DIR", help="Folder of --dry-run; default: ./NAME of REPO."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="With --dry-run: write to DIR although it holds files.")
    ] = False,
) -> None:
    """Upload weights, configuration, figures and a model card to the Hugging Face Hub."""
    from gait_plugins.core.publish.source import read_publishable

    _check_repository(repository)
    if out is not None and not dry_run:
        raise ConfigError("-O names the folder of --dry-run", hint="add --dry-run, or leave -O out")
    target = _target(repository, out, overwrite) if dry_run else None
    found = read_publishable(source, config, results, override or ())
    if target is None:
        _upload(found, repository, licence, public)
    else:
        _write(found, target, repository, licence)


def _target(repository: str, out: Path | None, overwrite: bool) -> Path:
    target = Path(repository.rpartition("/")[2]) if out is None else out
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise ConfigError(
            "the folder holds files",
            where=str(target),
            hint="--overwrite writes to it, or name another: -O DIR",
        )
    return target


def _upload(found: Publishable, repository: str, licence: str, public: bool) -> None:
    from gait_plugins.core.publish.folder import write_publication
    from gait_plugins.core.publish.push import entry_code, push

    with tempfile.TemporaryDirectory() as folder:
        written = write_publication(found, Path(folder), repository, licence)
        pushed = push(written, repository, public=public)
    say(printable(f"{pushed.url}: {'private' if pushed.private else 'public'}, commit {pushed.commit}"))
    say(printable(f"weights: {megabytes(written.bytes)}, sha256 {written.sha256}"))
    say("a package tells of them by its hook gait_checkpoints:")
    say(entry_code(written, repository, pushed.commit, licence))


def _write(found: Publishable, target: Path, repository: str, licence: str) -> None:
    from gait_plugins.core.publish.folder import write_publication

    written = write_publication(found, target, repository, licence)
    say(printable(f"{target}: {', '.join(written.files)}; nothing was uploaded"))
    say(printable(f"weights: {megabytes(written.bytes)}, sha256 {written.sha256}"))
    if written.shortened:
        say(printable(f"paths of this machine were cut to their last part: {', '.join(written.shortened)}"))


def _check_repository(repository: str) -> None:
    owner, slash, name = repository.partition("/")
    if not (owner and slash and name) or "/" in name:
        raise ConfigError(f"the repository is {printable(repository)!r}", hint="write OWNER/NAME")

"""OpenGait's own program, run on a patched checkout."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import runpy
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gait_plugins.errors import ConfigError, GaitPluginsError, UpstreamMismatch
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches import chosen
from upstream_patches.patches.patch import LEFT_OUT, SEVERAL, Host, Patch, applied, fitting
from upstream_patches.run import pins
from upstream_patches.run.config_file import readable_config

_log = logging.getLogger("gait_plugins.upstream")


@dataclass(frozen=True)
class RunOptions:
    """How the checkout is run.

    Attributes:
        device: ``auto``, ``cpu`` or ``cuda``.
        without: names of patches to leave out.
        allow_unpinned: go on with a checkout that is of no pinned version.
        overrides: ``key.key=value`` over the configuration.
        output: folder in place of the checkout's ``output/``; made if it is not there.
    """

    device: str = "auto"
    without: tuple[str, ...] = ()
    allow_unpinned: bool = False
    overrides: tuple[str, ...] = ()
    output: str | os.PathLike[str] | None = None


def run(checkout: Checkout, arguments: Sequence[str], options: RunOptions | None = None) -> Host:
    """Train or test by OpenGait's ``main.py``; afterwards this process is as it was.

    Args:
        checkout: the checkout.
        arguments: of ``main.py``: ``--cfgs CFG --phase train``; ``-o KEY=VALUE`` is understood too.
        options: see ``RunOptions``.

    Raises:
        UpstreamMismatch: the checkout is of another version, or a patch cannot be applied.
        ConfigError: there is no such configuration or device.
    """
    options = options or RunOptions()
    asked, rest = _arguments(arguments)
    patches = chosen(options.without)
    _check_version(checkout, options, patches)
    overrides = (*options.overrides, *(asked.override or ()))
    patches, off = fitting(patches, checkout)
    host = Host(
        checkout,
        options.device,
        asked.phase,
        output=None if options.output is None else os.path.abspath(options.output),
        patches=tuple(patch.name for patch in patches),
        off={**dict.fromkeys(options.without, LEFT_OUT), **off},
    )
    if host.output is not None and "output" in host.off:
        raise ConfigError(f"--out needs the patch 'output', but {host.off['output']}")
    program = str(checkout.package / "main.py")
    with readable_config(asked.cfgs, checkout, overrides) as config, contextlib.ExitStack() as stack:
        given = [program, "--cfgs", config, "--phase", asked.phase, *rest]
        for context in (_folder(checkout), _argv(given), _environment(), checkout.attached(), _end()):
            stack.enter_context(context)
        stack.enter_context(applied(patches, host))
        stack.enter_context(_messages())
        if os.environ["RANK"] == "0":
            _log.info("OpenGait at %s, patches: %s", checkout.root, ", ".join(host.patches))
            for name, why in off.items():
                _log.log(logging.INFO if name == SEVERAL else logging.WARNING, "%s is off: %s", name, why)
        with _worker_words():
            runpy.run_path(program, run_name="__main__")
    return host


def _arguments(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """What we must know of them; the others are main.py's alone."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--cfgs")
    parser.add_argument("--phase", default="train")
    parser.add_argument("-o", "--override", action="append")
    try:
        asked, rest = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise ConfigError(str(error), where="after --") from error
    if asked.cfgs is None:
        raise ConfigError(
            "no configuration given", hint="gait-plugins upstream run -- --cfgs CONFIG --phase train"
        )
    return asked, rest


def _check_version(checkout: Checkout, options: RunOptions, patches: list[Patch]) -> None:
    try:
        pins.verify(checkout, patches)
    except UpstreamMismatch as error:
        if not options.allow_unpinned:
            raise
        _log.warning("%s: %s", error.where, error.message)


@contextlib.contextmanager
def _folder(checkout: Checkout) -> Iterator[None]:
    """The root as working directory: what relative paths mean in OpenGait."""
    before = os.getcwd()
    os.chdir(checkout.root)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _argv(arguments: list[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = arguments
    try:
        yield
    finally:
        sys.argv = before


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """What torchrun would set, for one process without it."""
    alone = {
        "RANK": "0",
        "WORLD_SIZE": "1",
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1",
    }
    added: dict[str, str] = {"PYTHONDONTWRITEBYTECODE": "1"}
    if "RANK" not in os.environ:
        added |= alone | {"MASTER_PORT": str(_free_port())}
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _end() -> Iterator[None]:
    """What OpenGait leaves open at its end."""
    from gait_plugins.nn.collectives import end_process_group

    try:
        yield
    finally:
        end_process_group()


@contextlib.contextmanager
def _worker_words() -> Iterator[None]:
    """An error of ours that a loader's worker raised arrives with that worker's traceback as its message."""
    try:
        yield
    except GaitPluginsError as error:
        name = f"{type(error).__module__}.{type(error).__qualname__}: "
        if not error.message.startswith("Caught ") or name not in error.message:
            raise
        raise type(error)(error.message.rpartition(name)[2].rstrip()) from error


@contextlib.contextmanager
def _messages() -> Iterator[None]:
    """OpenGait's log and TensorBoard writer; both end with the run."""
    logger = logging.getLogger("opengait")
    before = list(logger.handlers)
    try:
        yield
    finally:
        for handler in [handler for handler in logger.handlers if handler not in before]:
            logger.removeHandler(handler)
            handler.close()
        manager = sys.modules.get("utils.msg_manager")
        writer = getattr(getattr(manager, "msg_mgr", None), "writer", None)
        if writer is not None:
            writer.close()

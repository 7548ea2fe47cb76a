"""``gait-plugins video watch``: a line of JSON for each person before a camera."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from datetime import datetime, timedelta
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gait_plugins.api.commands import Fast, with_fast
from gait_plugins.cli.embed import (
    Checkpoint,
    Device,
    Distance,
    Index,
    UnknownAbove,
    chosen_index,
    open_embedder,
)
from gait_plugins.cli.video.segment import Overrides
from gait_plugins.core.galleries.address import place_of
from gait_plugins.core.runtime.interrupts import Interrupts
from gait_plugins.errors import ConfigError
from gait_plugins.io.printable import say

if TYPE_CHECKING:
    from gait_plugins.config.film_section import VideoSection
    from gait_plugins.core.recognition.naming import Namer
    from gait_plugins.films.live.cameras import Camera


Config = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="Path of a YAML file, or name of a shipped configuration; its video_cfg says how people are "
        "found.",
    ),
]
Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="Number of a camera (0 is the first), address of one (rtsp://HOST/PATH), or, with --follow, a "
        "file that is still being written.",
    ),
]
People = Annotated[
    Any,
    typer.Option(
        metavar="GALLERY",
        parser=place_of,
        help="Gallery of the enrolled identities: a folder, a .npz file, or an address of a server; default: "
        "nobody is named.",
    ),
]
Begun = Annotated[
    str,
    typer.Option(
        metavar="TIME", help="When the file of --follow begins, in ISO 8601; default: as it is opened."
    ),
]
GiveUp = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Without a picture for so long: an error; default: go on trying. A file has ended then; "
        "default: 60.",
    ),
]


def run_watch(
    config: Config,
    source: Source,
    gallery: People = None,
    follow: Annotated[bool, typer.Option("--follow", help="SOURCE is a file that grows.")] = False,
    begun: Begun = "",
    give_up: GiveUp = None,
    unknown_above: UnknownAbove = None,
    index: Index = "exact",
    checkpoint: Checkpoint = None,
    override: Overrides = None,
    fast: Fast = False,
    device: Device = "auto",
    metric: Distance = None,
) -> None:
    """Print a line of JSON for each person who walks by, once that person is out of sight.

    The line tells who it was (null: unknown), from when to when, and how near to the enrolled walks. How it
    goes is told on standard error. Ctrl-C ends, and those who are still seen are told. A camera that is gone
    is tried again. Nothing is kept of anybody.
    """
    from gait_plugins.config.loading import load_video
    from gait_plugins.films.live.cameras import Address
    from gait_plugins.prepare.convert import quiet_opencv

    _check_numbers(give_up, begun, follow)
    address = Address.of(source, follow)
    with ExitStack() as stack:
        namer = None
        if gallery is None:
            video = load_video(config, override or ())
        else:
            from gait_plugins.core.recognition.film_people import video_of
            from gait_plugins.core.recognition.naming import Namer

            embedder = open_embedder(config, checkpoint, with_fast(override, fast), device)
            video = video_of(embedder)
            chosen = chosen_index(index, gallery)
            namer = stack.enter_context(
                Namer(embedder, gallery, unknown_above=unknown_above, metric=metric, index=chosen)
            )
        stack.enter_context(quiet_opencv(threads=None))
        _watch(address, video, namer, give_up, begun)


def _watch(address: Any, video: VideoSection, namer: Namer | None, give_up: float | None, begun: str) -> None:
    from gait_plugins.core.recognition.watching import Watch
    from gait_plugins.films.live.cameras import Camera

    camera = Camera(address, video.rate, give_up=give_up, tell=_tell)
    code = 2
    try:
        if begun:
            camera.started = datetime.fromisoformat(begun).astimezone()
        with _Stopping(camera):
            Watch(camera, video, namer, _say, _tell).run()
        code = 0
    except BrokenPipeError:
        # Whoever reads the lines has seen enough; what is still to be written goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    finally:
        camera.close()
        if camera.left_behind and code == 0:
            # A thread that is stuck in a read cannot be ended otherwise.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


class _Stopping(Interrupts):
    """A first Ctrl-C or SIGTERM ends the camera's frames; a second one acts at once."""

    def __init__(self, camera: Camera) -> None:
        super().__init__()
        self._camera = camera

    def _note(self, number: int, frame: FrameType | None) -> None:
        super()._note(number, frame)
        self._camera.stop()


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line).replace("\x7f", "\\u007f"), flush=True)


def _tell(words: str) -> None:
    say(words, error=True)


def _check_numbers(give_up: float | None, begun: str, follow: bool) -> None:
    if give_up is not None and not give_up > 0:
        raise ConfigError(f"--give-up is {give_up:g}, expected seconds above 0", hint="--give-up 60")
    if begun and not follow:
        raise ConfigError("--begun is for --follow: a camera's frames have the times of the clock")
    try:
        # No film is longer, and its last moment has to be a date too.
        datetime.fromisoformat(begun or "2000-01-01").astimezone() + timedelta(days=366)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"--begun is {begun!r}, expected a date or a time in ISO 8601", hint="--begun 2026-03-31T14:05"
        ) from error

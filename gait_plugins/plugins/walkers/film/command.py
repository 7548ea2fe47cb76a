"""``gait-plugins data film``: makes films of synthetic walkers in a street, with their truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gait_plugins.api.commands import chosen_out, out_option
from gait_plugins.errors import ConfigError
from gait_plugins.io.printable import printable, say, say_json
from gait_plugins.plugins.walkers.film.making import check_film, make_film, numbers_of
from gait_plugins.plugins.walkers.film.pictures import Plan
from gait_plugins.plugins.walkers.film.truth import Truth


def run_film(
    target: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder to write: NAME-CAMERA.mp4 and more.")
    ] = None,
    out: Annotated[Path | None, out_option("DIR", "Same as DIR.")] = None,
    people: Annotated[
        int, typer.Option(min=1, help="Number of people, from --first on; --id chooses others.")
    ] = 5,
    first: Annotated[
        int, typer.Option(min=1, help="Number of the first of them. The data set trains on 001 to 060.")
    ] = 61,
    identity: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="Show this walker; may be repeated.")
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(
            help="Camera: a (straight across), b (to the right), c (to the left); may be repeated. "
            "Default: a and b."
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(help="Length of each film.")] = 60.0,
    size: Annotated[str, typer.Option(metavar="WxH", help="Width and height in pixels.")] = "640x480",
    rate: Annotated[float, typer.Option(help="Frames a second.")] = 25.0,
    crowd: Annotated[float, typer.Option(help="People in view at a time, about.")] = 3.0,
    seed: Annotated[int, typer.Option(help="Seed of the people and of the street.")] = 1,
    take: Annotated[
        int, typer.Option(help="Number of the film: another one shows other walks of the same people.")
    ] = 1,
    noise: Annotated[float, typer.Option(help="Factor of the sensor's noise; 0: none.")] = 1.0,
    light: Annotated[float, typer.Option(help="Factor of the light's changes; 0: none.")] = 1.0,
    name: Annotated[str, typer.Option(help="Beginning of the films' names.")] = "street",
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Write NAME-CAMERA.avi without loss in place of .mp4.")
    ] = False,
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Write the film of labels (who is where).")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make films of synthetic people in a street, seen by several cameras, with the truth beside them.

    DIR/NAME-CAMERA.csv has a box for each person in each frame, NAME-CAMERA-labels.avi a colour for each
    track, NAME-CAMERA/gt/gt.txt the boxes as the MOT challenge has them.
    """
    target = chosen_out("data film", out, target)
    if not name or "/" in name or name.startswith("."):
        raise ConfigError(f"--name is {name!r}, expected a name without folders", where="data film")
    shown = numbers_of(identity or [*range(first, first + people)])
    ending = ".avi" if lossless else ".mp4"
    cameras = tuple(dict.fromkeys(camera or ("a", "b")))
    plan = Plan(shown, seed, take, cameras[0], seconds, _sides(size), rate, crowd, noise, light)
    films = [(target / f"{name}-{one}{ending}", replace(plan, camera=one)) for one in cameras]
    for path, planned in films:
        check_film(path, planned)
    made = [make_film(path, planned, labels) for path, planned in films]
    if as_json:
        say_json([{"path": str(truth.film), **truth.as_dict()} for truth in made])
    else:
        say("\n".join(line for truth in made for line in _lines(truth)))
        say(f"next: gait-plugins video segment {printable(made[0].film)} tracks")


def _sides(size: str) -> tuple[int, int]:
    width, cross, height = size.lower().partition("x")
    if not cross or not width.isdecimal() or not height.isdecimal():
        raise ConfigError(f"--size is {size!r}, expected two numbers, such as 640x480", where="data film")
    return int(width), int(height)


def _lines(truth: Truth) -> list[str]:
    plan = truth.plan
    names = sorted({track.identity for track in truth.tracks})
    lines = [
        f"{printable(truth.film)}: {plan.frames} frames, {len(truth.tracks)} tracks of {len(names)} people"
    ]
    if truth.missing:
        lines.append(
            f"  never in view: {', '.join(truth.missing)}; a longer film (--seconds) shows them, or a "
            "larger --crowd"
        )
    return lines

"""``gait-plugins video segment``: from a film to the silhouettes of each person in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gait_plugins.api.commands import chosen_out, out_option, override_option
from gait_plugins.io.printable import printable, say, say_json

if TYPE_CHECKING:
    from gait_plugins.films.segmenting import Report

Overrides = Annotated[
    list[str] | None,
    override_option("Override a setting, such as video_cfg.segmenter.type=masks; may be repeated."),
]


def run_segment(
    film: Annotated[
        Path, typer.Argument(metavar="FILM", help="A film, or a folder of pictures that are its frames.")
    ],
    target: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Folder to write, laid out as FILM-TRACK/FILM/000/000.pkl."),
    ] = None,
    out: Annotated[Path | None, out_option("DIR", "Same as DIR.")] = None,
    config: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="YAML file with the section video_cfg; default: its defaults."),
    ] = None,
    override: Overrides = None,
    annotated: Annotated[
        bool, typer.Option("--annotated/--no-annotated", help="Write the film with boxes and tracks.")
    ] = True,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew where an earlier run was cut off.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Turn a film into the aligned silhouettes of each person who walks through it.

    Without options the camera has to stand still. Frames in which a body touches another, is hidden in
    part or is cut by the border are left out. DIR/FILM.csv has times and boxes, DIR/FILM.json the quality of
    each track, DIR/FILM.png pictures of it, and DIR/FILM.mp4 is the film with boxes. Where a run was cut
    off, the same command goes on from the last of its chapters, video_cfg.chapter minutes each.
    """
    from gait_plugins.config.loading import load_video
    from gait_plugins.films.reading import FilmSource
    from gait_plugins.films.segmenting import segment
    from gait_plugins.prepare.convert import quiet_opencv

    target = chosen_out("video segment", out, target)
    video = load_video(config, override or ())
    with quiet_opencv(threads=None):
        source = FilmSource(film, video.rate)
        report = segment(source, target, video, annotated, fresh=fresh, finish=_draw_sheet)
    if as_json:
        say_json(report.as_dict())
    else:
        say("\n".join(_lines(report, target)))


def _draw_sheet(report: Report, folder: Path) -> None:
    from gait_plugins.core.tools.contact_sheet import contact_sheet

    shown = [(track.name.id, track.sheet) for track in report.tracks if track.sheet is not None]
    contact_sheet(_Rows(shown), folder / f"{report.film.name}.png", step=1, compression=2)


class _Rows(Sequence[tuple[str, Any]]):
    """The rows of the contact sheet, whose pictures are read as they are wanted."""

    def __init__(self, shown: Sequence[tuple[str, Path]]) -> None:
        self._shown = shown

    def __len__(self) -> int:
        return len(self._shown)

    def __getitem__(self, place: Any) -> Any:
        import numpy as np

        label, path = self._shown[place]
        return label, np.load(path)


def _lines(report: Report, target: Path) -> list[str]:
    from gait_plugins.films.following import left_out_in_words

    frames = sum(track.quality.silhouettes for track in report.tracks)
    name = printable(report.film.name)
    lines = [
        f"{len(report.tracks)} tracks of {frames} silhouettes in {report.frames} frames "
        f"({report.seconds:.1f} s): {printable(target)}",
        *([f"left out: {left_out_in_words(report.left_out)}"] if report.left_out else []),
        *(f"remark: {printable(remark)}" for remark in report.remarks),
        "",
        f"{'track':{len(name) + 5}}  {'from s':>7}  {'to s':>7}  silhouettes  cycles  merged  hidden  "
        "border  standing  height",
    ]
    for track in report.tracks:
        q = track.quality
        lines.append(
            f"{printable(track.name.id)}  {q.begin:7.1f}  {q.end:7.1f}  {q.silhouettes:11}  {q.cycles:6.1f}  "
            f"{q.merged:6}  {q.hidden:6}  {q.border:6}  {q.standing:8}  {q.height:6.0f}"
        )
    table, sheet = (
        printable(target / f"{report.film.name}.csv"),
        printable(target / f"{report.film.name}.png"),
    )
    return [*lines, "", f"times and boxes: {table}", f"look at each track: {sheet}"]

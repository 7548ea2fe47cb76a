"""Demonstration on films: enrols five synthetic people from one film, and names them in another."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gait_plugins.cli.gallery import calibration_lines
from gait_plugins.cli.video.identify import identify_films, people_lines
from gait_plugins.io.printable import json_text, printable, say

if TYPE_CHECKING:
    from gait_plugins.core.recognition.film_demo import Enrolment, FilmPlan
    from gait_plugins.core.recognition.film_people import FilmPeople
    from gait_plugins.core.recognition.film_truth import NameScore, Shown

CONFIG = "walkers/streetfilm"


def run_film_demo(output: Path, overrides: Sequence[str] = (), plan: FilmPlan | None = None) -> NameScore:
    """Make two films, train a model, enroll people from the first film, and name them in the second.

    Args:
        output: folder of all that is written; what an earlier demonstration left there is replaced.
        overrides: of the configuration.
        plan: what the films show.

    Raises:
        ConfigError: a setting is wrong.
        DataError: nobody can be enrolled, or something cannot be written.
    """
    from gait_plugins.config import load_config
    from gait_plugins.config.yaml.overrides import written
    from gait_plugins.core.assembly.components import build_dataset
    from gait_plugins.core.galleries.calibration import calibrate_gallery
    from gait_plugins.core.recognition.film_demo import FilmPlan, enroll_shown, make_films
    from gait_plugins.core.recognition.film_truth import score_names
    from gait_plugins.core.runtime.options import RunOptions
    from gait_plugins.core.tools.embedder import Embedder
    from gait_plugins.core.train.loop import train
    from gait_plugins.io.atomic import write_text

    clock, plan = _Clock(), plan or FilmPlan()
    config = load_config(CONFIG, [written("output_dir", str(output / "runs")), *overrides])
    first, second = make_films(build_dataset(config), plan, output)
    clock.tell(f"films of synthetic people made: {first.path} and {second.path}")
    train(config, RunOptions(device="cpu", overwrite=True))
    clock.tell("a small model trained on other synthetic people")

    embedder, gallery = Embedder(config, device="cpu"), output / "people.gallery"
    shutil.rmtree(gallery, ignore_errors=True)
    enrolment = enroll_shown(first, embedder, gallery)
    say("\n".join(_enrolment_lines(enrolment, first.path)))
    rate = enrolment.rate(plan.false_matches)
    say("\n".join(calibration_lines(calibrate_gallery(gallery, rate, embedder.metric()))))
    clock.tell(f"people enrolled: {gallery}")

    report, (found,) = identify_films(
        embedder, [second.path], gallery, _tell, out=output / "names.json", annotated=output / "named.mp4"
    )
    shown = second.truth.shown(found.found.places)
    score = score_names(found, shown, enrolment.tracks)
    say("\n".join(_score_lines(found, shown, enrolment, score)))
    truth = {str(track): who.identity for track, who in sorted(shown.items())}
    whole = {**report, "truth": truth, "score": score.as_dict(), "seconds": round(clock.spent, 1)}
    write_text(output / "demo.json", json_text(whole, 2) + "\n")
    clock.tell(f"film with names: {output / 'named.mp4'}; who was seen: {output / 'names.json'}; all in")
    return score


def _tell(report: dict[str, Any], found: Sequence[FilmPeople]) -> None:
    say("\n".join(chain.from_iterable(map(people_lines, found))))


class _Clock:
    """Tells what was done, and how long all took until then."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def tell(self, what: str) -> None:
        """Print it."""
        say(f"[{self.spent:.0f} s] {what}\n")


def _enrolment_lines(done: Enrolment, film: Path) -> Iterator[str]:
    """What was enrolled from whom."""
    yield f"enrolled from {printable(film.name)}; the truth beside the film says whose each track is,"
    yield "as you would see it in the contact sheet of gait-plugins video segment:"
    for name, tracks in sorted(done.tracks.items()):
        yield f"  {printable(name)}: {_listed(tracks)}"
    if done.mixed:
        yield f"  left out, for they show several people or nobody: {_listed(done.mixed)}"


def _score_lines(
    people: FilmPeople, shown: Mapping[int, Shown], done: Enrolment, score: NameScore
) -> Iterator[str]:
    """How the names compare with the truth of the film, which only this comparison has seen."""
    yield ""
    yield "compared with the truth of the film:"
    for person in people.people:
        for seen in person.seen:
            true = shown.get(seen.track)
            if _is_wrong(person.name, None if true is None else true.identity, done):
                who = "nobody" if true is None else printable(true.identity)
                yield f"  track {seen.track} is {who}, and is called {printable(person.label)}"
    yield (
        f"  enrolled people: {score.right} of {score.enrolled} tracks bear the right name, {score.wrong} "
        f"another one, {score.missed} none"
    )
    yield f"  people who are not enrolled: {score.refused} of {score.strangers} tracks are unknown"


def _is_wrong(name: str | None, true: str | None, done: Enrolment) -> bool:
    return name != (true if true in done.tracks else None)


def _listed(tracks: Sequence[int]) -> str:
    count = f"{len(tracks)} track" + "s" * (len(tracks) != 1)
    return f"{count} ({', '.join(map(str, tracks))})"

"""Films of walkers against their truth: masks, tracks, and names from one camera in another.

    pip install --no-deps trackeval scipy          (it asks for a second OpenCV, so it is in no extra)
    python benchmarks/figures/films.py --output DIR
    python benchmarks/figures/films.py --output DIR --checkpoint FILE --people 12 --seconds 100

Makes a film of camera a and, of other walks, one of camera b; segments both as ``video segment`` does without
options; and trains the small GaitBase on other walkers, unless a checkpoint is given. Films, tracks and the
checkpoint in the folder are used again.

Masks: overlap (intersection over union) of each clean sighting with the seen part of the person whom it shows
most of. Tracks: IDF1 and switches by trackeval, over all sightings, troubled ones too. Names: the tracks of
camera b are looked for among those of camera a, once with the silhouettes of the segmentation, once with the
true ones of the same frames.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.api.video.people import HALF, Sighting
from gait_plugins.config import load_config
from gait_plugins.config.loading import load_video
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.train.loop import train
from gait_plugins.films.reading import FilmSource
from gait_plugins.films.segmenting import segment
from gait_plugins.metrics import retrieve
from gait_plugins.plugins.walkers.film.making import street_film
from gait_plugins.plugins.walkers.film.truth import tracks_of
from gait_plugins.prepare.align import align_mask
from gait_plugins.prepare.convert import quiet_opencv

CONFIG = "walkers/gaitbase"
FIRST = 61
"""The first of the people: the data set trains on those before."""
SEQUENCE = 20
"""Silhouettes of a track, at least, as ``video segment`` has it."""


@dataclass
class Track:
    """What was recorded of one track."""

    shown: Counter[int] = field(default_factory=Counter)
    """True track -> clean sightings that show it most."""
    found: list[np.ndarray] = field(default_factory=list)
    true: list[np.ndarray] = field(default_factory=list)
    """Silhouettes of the same frames, by the segmentation and by the truth."""


@dataclass
class Recorder:
    """A tracker that compares what another one sees with the film of labels."""

    inner: Any
    labels: Path
    overlaps: list[tuple[int, int, float]] = field(default_factory=list)
    """Frame, track and overlap of each clean sighting."""
    boxes: list[str] = field(default_factory=list)
    tracks: dict[int, Track] = field(default_factory=lambda: defaultdict(Track))

    def begin(self, film: Film) -> None:
        self.film, self.truth = film, FilmSource(self.labels).frames()
        self.inner.begin(film)

    @property
    def memory(self) -> float:
        seconds: float = self.inner.memory
        return seconds

    def update(self, frame: FilmFrame, people: Sequence[Any]) -> Sequence[Sighting]:
        sightings: Sequence[Sighting] = self.inner.update(frame, people)
        true = tracks_of(next(self.truth).pixels)
        for sighting in sightings:
            self._record(frame.number, sighting, true)
        return sightings

    def _record(self, number: int, sighting: Sighting, true: np.ndarray) -> None:
        left, top, right, bottom = sighting.person.box
        box = f"{left + 1},{top + 1},{right - left},{bottom - top}"
        self.boxes.append(f"{number + 1},{sighting.track},{box},1,-1,-1,-1\n")
        if sighting.trouble or sighting.person.touches_border(self.film.width, self.film.height):
            return
        mask = sighting.person.mask > HALF
        within = true[top:bottom, left:right]
        shown = Counter(within[mask].tolist())
        del shown[0]
        most = shown.most_common(1)
        track = self.tracks[sighting.track]
        if not most:
            self.overlaps.append((number, sighting.track, 0.0))
            return
        person, common = most[0]
        whole = true == person
        union = int(mask.sum()) + int(whole.sum()) - common
        self.overlaps.append((number, sighting.track, common / union))
        pair = [align_mask(one.astype(np.uint8) * np.uint8(255)) for one in (mask, whole)]
        if pair[0] is not None and pair[1] is not None:
            track.shown[person] += 1
            track.found.append(pair[0])
            track.true.append(pair[1])


@dataclass
class Seen:
    """A film that was segmented, beside its truth."""

    name: str
    recorder: Recorder
    written: int
    """Sequences that ``video segment`` has written."""
    names: dict[int, str]
    """True track -> identity."""
    seconds: float
    frames: int

    def sequences(self) -> Iterator[tuple[str, Track, float]]:
        """Identity, track, and which share of it is that one's, of each track that is long enough."""
        for track in self.recorder.tracks.values():
            if len(track.found) >= SEQUENCE:
                people: Counter[str] = Counter()
                for number, count in track.shown.items():
                    people[self.names[number]] += count
                identity, count = people.most_common(1)[0]
                yield identity, track, count / people.total()


def made(folder: Path, camera: str, take: int, people: int, seconds: float) -> Path:
    """A film of walkers, unless it is there."""
    path = folder / f"street-{camera}.mp4"
    if not path.exists():
        numbers = range(FIRST, FIRST + people)
        truth = street_film(path, numbers, camera=camera, take=take, seconds=seconds)
        print(f"{path}: {len(truth.tracks)} tracks, never in view: {truth.missing or 'nobody'}")
    return path


def segmented(film: Path, folder: Path, changes: Sequence[str]) -> Seen:
    """A film segmented, with what was seen beside the truth."""
    video = load_video(None, changes)
    recorder = Recorder(video.tracker.build(), film.with_name(f"{film.stem}-labels.avi"))
    spec = SimpleNamespace(build=lambda: recorder, name="recorder")
    source = FilmSource(film, video.rate)
    began = time.process_time()
    report = segment(source, folder, video.model_copy(update={"tracker": spec}), annotated=False)
    spent = time.process_time() - began
    told = json.loads(film.with_suffix(".json").read_text())
    names = {track["track"]: track["identity"] for track in told["tracks"]}
    return Seen(film.stem, recorder, len(report.tracks), names, spent, report.frames)


def tell_masks(seen: Seen) -> None:
    """Print the overlaps of masks, and where they are worst."""
    tracks = seen.recorder.tracks
    long = [one for one in seen.recorder.overlaps if len(tracks[one[1]].found) >= SEQUENCE]
    for title, sightings in (("all", seen.recorder.overlaps), ("of long tracks", long)):
        overlaps = np.array([overlap for _, _, overlap in sightings])
        mean, tenth = overlaps.mean(), np.percentile(overlaps, 10)
        print(f"{seen.name}: {len(overlaps)} clean sightings, {title}: mean {mean:.3f}, 10 % {tenth:.3f}")
    worst = sorted(long, key=lambda one: one[2])[:8]
    print("  worst:", ", ".join(f"frame {n} track {track} {overlap:.2f}" for n, track, overlap in worst))
    print(f"  {seen.frames / seen.seconds:.0f} frames a second of processor time, with this comparison")


def tell_tracks(seen: Seen, films: Path, folder: Path) -> None:
    """Print how the tracks compare with the true ones."""
    shares = [share for _, _, share in seen.sequences()]
    mixed = sum(share < 0.95 for share in shares)
    print(f"{seen.name}: {seen.written} sequences written; {mixed} of {len(shares)} long tracks mix people")
    people = {name for name, _, _ in seen.sequences()}
    print(f"  {len(people)} of {len({*seen.names.values()})} people have a long track")
    results = folder / "mot" / "bodies" / "data" / f"{seen.name}.txt"
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text("".join(seen.recorder.boxes))
    try:
        import trackeval
    except ImportError:
        print(f"  no trackeval: the MOT files lie in {films / seen.name} and {results}")
        return
    data = trackeval.datasets.MotChallenge2DBox(
        {
            "GT_FOLDER": str(films),
            "TRACKERS_FOLDER": str(folder / "mot"),
            "SEQ_INFO": {seen.name: None},
            "SKIP_SPLIT_FOL": True,
            "DO_PREPROC": False,
            "PRINT_CONFIG": False,
        }
    )
    data.tracker_list = ["bodies"]
    raw = data.get_raw_seq_data("bodies", seen.name)
    counted = data.get_preprocessed_seq_data(raw, "pedestrian")
    figures = {
        **trackeval.metrics.Identity({"PRINT_CONFIG": False}).eval_sequence(counted),
        **trackeval.metrics.CLEAR({"PRINT_CONFIG": False}).eval_sequence(counted),
    }
    print(
        f"  IDF1 {figures['IDF1']:.3f} (precision {figures['IDP']:.3f}, recall {figures['IDR']:.3f}), "
        f"{figures['IDSW']:.0f} switches, MOTA {figures['MOTA']:.3f}, {counted['num_gt_ids']} true tracks, "
        f"{counted['num_tracker_ids']} found"
    )


def tell_names(gallery: Seen, probe: Seen, embedder: Embedder) -> None:
    """Print Rank-1 of the probe's tracks in the gallery's."""
    known, asked = list(gallery.sequences()), list(probe.sequences())
    people = [name for name, _, _ in known]
    kept = [one for one in asked if one[0] in people]
    print(f"{len(kept)} tracks of {probe.name} are looked for among {len(known)} of {gallery.name}")
    wanted = np.array([name for name, _, _ in kept])
    for title, kind in (("segmentation", "found"), ("truth", "true")):
        sides = [
            embedder.arrays([np.stack(getattr(track, kind)) for _, track, _ in side])
            for side in (kept, known)
        ]
        scores = retrieve(*sides, wanted, np.array(people))
        first, fifth = (100 * scores.rank(k) for k in (1, 5))
        print(f"  silhouettes of the {title}: Rank-1 {first:.1f}, Rank-5 {fifth:.1f}")


def trained(folder: Path) -> Path:
    """A small GaitBase, trained on other walkers unless it is there."""
    kept = sorted(folder.glob("runs/**/checkpoints/*.pt"))
    if not kept:
        settings = [f"output_dir={folder / 'runs'}", "trainer_cfg.precision=32-true"]
        train(load_config(CONFIG, settings), RunOptions(device="cpu"))
        kept = sorted(folder.glob("runs/**/checkpoints/*.pt"))
    return kept[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder of films, tracks and the training")
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=100.0)
    parser.add_argument("--checkpoint", type=Path, help=f"weights of {CONFIG}")
    parser.add_argument("-o", "--override", action="append", default=[], help="video_cfg.KEY=VALUE")
    options = parser.parse_args()
    logging.getLogger("gait_plugins").setLevel(logging.WARNING)
    films = options.output / "films"
    tracks = options.output / f"tracks-{time.strftime('%H%M%S')}"
    seen = []
    with quiet_opencv(threads=None):
        for take, camera in enumerate("ab", 1):
            film = made(films, camera, take, options.people, options.seconds)
            seen.append(segmented(film, tracks, options.override))
            tell_masks(seen[-1])
            tell_tracks(seen[-1], films, tracks)
    embedder = Embedder(CONFIG, options.checkpoint or trained(options.output), device="cpu")
    tell_names(*seen, embedder)


if __name__ == "__main__":
    main()

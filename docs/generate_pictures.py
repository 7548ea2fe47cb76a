"""Pictures of the pages on concepts, in ``images/concepts``, from synthetic walkers.

python docs/generate_pictures.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from drawing import COOL, DIM, INK, LINE, MARK, PARTS, RIGHT, WRONG, Card

import gait_plugins

FOLDER = Path(__file__).parent / "images" / "concepts"
ANGLES = ("000", "036", "072", "090", "126", "180")
STREAMS = ("silhouettes", "keypoints", "skeleton_maps", "parsing", "points")
BONES = ((0, 5), (0, 6), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12))
BONES += ((11, 12), (11, 13), (13, 15), (12, 14), (14, 16))
"""Pairs of COCO's joints with a line between them."""
Walks = dict[tuple[str, str, str, str], np.ndarray]


def pictures() -> dict[str, str]:
    """Name of each picture -> its SVG."""
    drawn: tuple[Callable[[], Card], ...] = (
        way,
        sequence,
        people,
        conditions,
        views,
        modalities,
        parts,
        packed,
        recipe,
        split,
        ranking,
        curve,
    )
    return {f"{draw.__name__}.svg": draw().svg() for draw in drawn}


def walks(folder: str, test: int, views: tuple[str, ...], streams: tuple[str, ...]) -> Walks:
    """The frames of people 001 and on: by identity, type, view and stream."""
    options = {"train": 0, "test": test, "nm": 2, "bg": 1, "cl": 1, "noise": 0, "frames": 30}
    shape = {"type": "walkers", "views": list(views), "streams": list(streams), "cache_dir": folder}
    data = gait_plugins.build("dataset", {**shape, **options})
    return {
        (ref.label, ref.type, ref.view, stream): np.asarray(frames[8] if stream == "points" else frames)
        for ref in data.sequences("test")
        for stream, frames in zip(streams, data.load(ref), strict=True)
    }


@cache
def everybody() -> Walks:
    """Silhouettes of six people from all cameras, and all streams of one of them from the side."""
    with tempfile.TemporaryDirectory() as folder:
        return walks(folder, 6, ANGLES, STREAMS[:1]) | walks(folder, 1, ("090",), STREAMS)


def silhouettes(person: str, kind: str = "nm-01", view: str = "090") -> np.ndarray:
    """Silhouettes ``[t, 64, 64]`` of one walk."""
    return everybody()[person, kind, view, "silhouettes"]


def way() -> Card:
    """From a camera to a name."""
    card = Card(900, 230, "A walk becomes silhouettes, an embedding, and a name")
    frames = silhouettes("001")
    card.text(20, 34, "a walk")
    card.box(20, 50, 150, 110, "#31505a")
    card.line([(20, 138), (170, 138)], "#4f7480")
    card.figure(frames[4], 55, 60, 84, "#f2c9a5", "")
    card.box(71, 60, 52, 84, "none", MARK, 2)
    card.text(95, 184, "film", 13, DIM, "middle")
    card.arrow(178, 105, 208, 105)
    card.text(216, 34, "silhouettes")
    for number, frame in enumerate(frames[4:16:3]):
        card.figure(frame, 216 + 50 * number, 74, 48)
    card.text(316, 184, "a sequence of frames", 13, DIM, "middle")
    card.arrow(424, 105, 454, 105)
    card.box(462, 72, 90, 66, "#1d3a44", COOL)
    card.text(507, 110, "model", 15, INK, "middle")
    card.arrow(560, 105, 590, 105)
    card.text(598, 34, "embedding")
    for number, value in enumerate((30, 62, 18, 48, 70, 25, 55, 38)):
        card.box(598 + 12 * number, 140 - value, 9, value, COOL, COOL, 1)
    card.text(646, 184, "numbers", 13, DIM, "middle")
    card.arrow(704, 105, 734, 105)
    card.text(742, 34, "nearest walks")
    for number, (person, distance) in enumerate((("001", "0.31"), ("002", "0.87"), ("003", "0.94"))):
        y = 48 + 46 * number
        card.figure(silhouettes(person, "nm-02")[4], 742, y, 40)
        card.text(792, y + 26, person, 15, RIGHT if number == 0 else DIM)
        card.text(832, y + 26, distance, 13, RIGHT if number == 0 else DIM)
    card.text(800, 212, "a name, or nobody", 13, DIM, "middle")
    return card


def sequence() -> Card:
    """A sequence, its frames and a tracklet."""
    card = Card(900, 170, "A sequence of twelve frames; five neighbouring ones are a tracklet")
    for number, frame in enumerate(silhouettes("001")[:24:2]):
        card.figure(frame, 20 + 72 * number, 46, 68)
    card.text(20, 30, "sequence 001-nm-01-090: one person, one walk, one camera")
    card.box(305, 42, 364, 76, "none", MARK, 2)
    card.text(487, 142, "a tracklet: neighbouring frames", 14, MARK, "middle")
    card.arrow(700, 138, 876, 138)
    card.text(696, 142, "time", 13, DIM, "end")
    card.text(54, 142, "frame 1", 13, DIM, "middle")
    return card


def people() -> Card:
    """Three identities."""
    card = Card(900, 260, "Three people at the same moments of their steps differ in body and in motion")
    for row, person in enumerate(("001", "002", "003")):
        card.text(20, 60 + 76 * row, f"identity {person}")
        for number, frame in enumerate(silhouettes(person)[:30:3]):
            card.figure(frame, 130 + 75 * number, 20 + 76 * row, 70)
    return card


def conditions() -> Card:
    """The same person in three conditions."""
    card = Card(900, 260, "The same person walking normally, with a bag and in a coat")
    named = (("nm-01", "nm: normal"), ("bg-01", "bg: with a bag"), ("cl-01", "cl: in a coat"))
    for row, (kind, words) in enumerate(named):
        card.text(20, 60 + 76 * row, words)
        for number, frame in enumerate(silhouettes("002", kind)[:27:3]):
            card.figure(frame, 170 + 78 * number, 20 + 76 * row, 70)
    return card


def views() -> Card:
    """The same instant from several cameras."""
    card = Card(900, 200, "One instant of one walk, seen by six cameras")
    for number, view in enumerate(ANGLES):
        x = 24 + 146 * number
        card.figure(silhouettes("001", "nm-01", view)[5], x + 10, 20, 104)
        card.text(x + 62, 148, f"view {view}", 15, INK, "middle")
    for x, words in ((86, "from the front"), (524, "from the side"), (816, "from behind")):
        card.text(x, 174, words, 13, DIM, "middle")
    return card


def modalities() -> Card:
    """The same instant as several sensors and programs tell it."""
    card = Card(900, 216, "One instant as silhouette, keypoints, skeleton map, body parts and point cloud")
    names = ("silhouette", "keypoints", "skeleton map", "body parts", "point cloud")
    lefts = [20 + 176 * number for number in range(5)]
    for x, name in zip(lefts, names, strict=True):
        card.box(x, 20, 156, 156, "#000000", "#000000", 0)
        card.text(x + 78, 202, name, 15, INK, "middle")
    seen = {stream: everybody()["001", "nm-01", "090", stream] for stream in STREAMS}
    card.figure(seen["silhouettes"][20], lefts[0], 20, 156)
    joints = seen["keypoints"][20][:, :2]
    scale = 146 / (joints[:, 1].max() - joints[:, 1].min())
    middle = (joints[:, 0].max() + joints[:, 0].min()) / 2
    placed = (joints - [middle, joints[:, 1].min()]) * scale + [lefts[1] + 78, 25]
    for start, end in BONES:
        card.line([tuple(placed[start]), tuple(placed[end])], DIM)
    for x, y in placed:
        card.dot(x, y, 3.5, MARK)
    for level, colour in ((30, "#2b6f8f"), (110, "#53a9d3"), (190, "#c9ecff")):
        card.figure(seen["skeleton_maps"][20][0] > level, lefts[2], 20, 156, colour, "")
    for label in range(1, 12):
        card.figure(seen["parsing"][20] == label, lefts[3], 20, 156, PARTS[label % len(PARTS)], "")
    cloud = seen["points"]
    across, up = cloud[:, 1] - cloud[:, 1].mean(), cloud[:, 2] - cloud[:, 2].min()
    scale = 146 / up.max()
    for a, u in zip(across, up, strict=True):
        card.dot(lefts[4] + 78 + a * scale, 171 - u * scale, 1.3, COOL)
    return card


def parts() -> Card:
    """Horizontal parts, and the embedding that has numbers for each."""
    card = Card(900, 260, "Each horizontal part of the body has its own numbers in the embedding")
    card.figure(silhouettes("001")[4], 40, 30, 200)
    card.arrow(260, 130, 330, 130)
    card.text(295, 116, "model", 13, DIM, "middle")
    for part in range(8):
        y, colour = 30 + 25 * part, PARTS[part % len(PARTS)]
        card.box(40, y, 200, 25, "none", colour, 0)
        card.text(352, y + 18, f"part {part + 1}", 13, colour)
        for number in range(16):
            shade = 0.25 + 0.75 * (((part + 1) * (number + 3) * 37) % 97) / 97
            light = int(40 + 200 * shade)
            card.box(
                410 + 22 * number, y + 2, 20, 21, f"#{light // 3:02x}{light * 3 // 4:02x}{light:02x}", LINE, 2
            )
    card.text(586, 250, "c numbers for each of p parts: the embedding [c, p]", 14, INK, "middle")
    card.text(140, 250, "p parts", 14, INK, "middle")
    return card


def packed() -> Card:
    """Sequences of unequal length, one after the other."""
    card = Card(900, 190, "Four sequences of unequal length in one packed batch, without padding")
    lengths = (9, 5, 12, 7)
    card.text(20, 30, "four sequences")
    for row, (length, colour) in enumerate(zip(lengths, PARTS, strict=False)):
        for frame in range(length):
            card.box(20 + 22 * frame, 44 + 26 * row, 20, 20, colour, colour, 3)
    card.arrow(312, 92, 368, 92)
    card.text(384, 66, "a packed batch: one after the other along time")
    x = 384.0
    for length, colour in zip(lengths, PARTS, strict=False):
        for _ in range(length):
            card.box(x, 80, 13, 26, colour, colour, 2)
            x += 14.4
        card.line([(x - 0.7, 72), (x - 0.7, 116)], INK)
    card.text(384, 140, "Nothing leaks across a white line, and no frame is padding.", 13, DIM)
    return card


def recipe() -> Card:
    """Stages that hand on weights."""
    card = Card(900, 170, "A recipe of three stages: each starts from the weights of the stage before")
    told = (
        ("stage 1", "learn without labels"),
        ("stage 2", "learn who is who"),
        ("stage 3", "learn to keep people apart"),
    )
    for number, (name, words) in enumerate(told):
        x = 24 + 296 * number
        card.box(x, 50, 220, 70, "#1d3a44", COOL, 8)
        card.text(x + 110, 80, name, 16, INK, "middle")
        card.text(x + 110, 104, words, 13, DIM, "middle")
        if number < 2:
            card.arrow(x + 226, 85, x + 288, 85, MARK)
            card.text(x + 257, 74, "weights", 13, MARK, "middle")
    card.text(24, 32, "a recipe: one YAML file")
    card.text(24, 150, "Each stage has its own data, model, losses and schedule.", 13, DIM)
    return card


def split() -> Card:
    """Who is trained on and who is tested."""
    card = Card(
        900, 250, "Training identities are never tested; test sequences are divided into gallery and probes"
    )
    card.box(20, 44, 250, 180, "none", LINE, 8)
    card.text(20, 32, "train: these people are learnt from")
    for number in range(6):
        frame = silhouettes(f"00{4 + number % 3}", ("nm-01", "cl-01")[number // 3])[3 + 4 * number]
        card.figure(frame, 36 + 76 * (number % 3), 60 + 80 * (number // 3), 66, DIM)
    card.text(320, 32, "test: other people")
    card.box(320, 44, 560, 82, "none", COOL, 8)
    card.text(336, 92, "gallery", 15, COOL)
    card.box(320, 142, 560, 82, "none", MARK, 8)
    card.text(336, 190, "probes", 15, MARK)
    for number, person in enumerate(("001", "002", "003")):
        for place, kind in ((0, "nm-01"), (1, "nm-02")):
            card.figure(silhouettes(person, kind)[4 + 6 * place], 420 + 150 * number + 68 * place, 52, 62)
        for place, kind in ((0, "bg-01"), (1, "cl-01")):
            card.figure(silhouettes(person, kind)[4 + 6 * place], 420 + 150 * number + 68 * place, 150, 62)
        card.text(486 + 150 * number, 242, f"person {person}", 12, DIM, "middle")
    card.text(145, 242, "no person is in both", 13, DIM, "middle")
    return card


RANKINGS = (("001", "1 2 1 3 3", 1), ("002", "1 2 3 2 1", 2), ("003", "3 1 3 2 2", 1))
"""Probe, the people of its gallery in the order of distance, and the rank of the first right one."""


def ranking() -> Card:
    """Three probes, the gallery in the order of their distances, and what is counted."""
    card = Card(900, 330, "The gallery in the order of distance from three probes, and what is counted")
    card.text(20, 32, "probe", 15, MARK)
    card.text(150, 32, "gallery, nearest first", 15, COOL)
    card.text(596, 32, "Rank-1", 15, INK)
    card.text(730, 32, "average precision", 15, INK)
    for row, (person, order, first) in enumerate(RANKINGS):
        y = 50 + 88 * row
        card.figure(silhouettes(person, "bg-01")[5], 20, y, 72)
        places = []
        for place, number in enumerate(order.split()):
            who = f"00{number}"
            right = who == person
            places += [place + 1] if right else []
            card.figure(silhouettes(who, "nm-01")[4 + 3 * place], 150 + 86 * place, y, 72)
            card.box(150 + 86 * place, y, 72, 72, "none", RIGHT if right else WRONG, 2)
            card.text(155 + 86 * place, y + 16, str(place + 1), 13, RIGHT if right else WRONG)
        hits = " + ".join(f"{n + 1}/{place}" for n, place in enumerate(places))
        value = float(np.mean([(n + 1) / place for n, place in enumerate(places)]))
        card.text(596, y + 44, "right" if first == 1 else "wrong", 15, RIGHT if first == 1 else WRONG)
        card.text(730, y + 34, f"({hits}) / {len(places)}", 14, DIM)
        card.text(730, y + 56, f"= {value:.2f}", 15)
    card.text(596, 318, "2 of 3: 66.7 %", 15, MARK)
    precisions = [_precision(person, order) for person, order, _ in RANKINGS]
    card.text(730, 318, f"mean (mAP): {100 * float(np.mean(precisions)):.1f} %", 15, MARK)
    return card


def _precision(person: str, order: str) -> float:
    places = [place for place, number in enumerate(order.split(), start=1) if f"00{number}" == person]
    return float(np.mean([(n + 1) / place for n, place in enumerate(places)]))


def curve() -> Card:
    """The share of probes that are found within k places."""
    card = Card(900, 250, "The CMC curve of the three probes: 66.7 % at rank 1, 100 % from rank 2 on")
    left, bottom, wide, high = 110, 190, 420, 140
    card.line([(left, bottom - high - 12), (left, bottom), (left + wide, bottom)], DIM)
    for share in (0, 50, 100):
        y = bottom - high * share / 100
        card.text(left - 10, y + 5, f"{share} %", 13, DIM, "end")
        card.line([(left, y), (left + wide, y)], LINE, 0.7, "3 4")
    found = [100 * sum(first <= k for _, _, first in RANKINGS) / len(RANKINGS) for k in range(1, 6)]
    placed = [(left + 40 + 85 * k, bottom - high * share / 100) for k, share in enumerate(found)]
    card.line(placed, MARK, 2.5)
    for k, (x, y) in enumerate(placed):
        card.dot(x, y, 4.5, MARK)
        card.text(x, bottom + 22, str(k + 1), 13, DIM, "middle")
    card.text(left + wide / 2, bottom + 46, "k", 15, INK, "middle")
    card.text(570, 84, "Rank-k: the share of probes whose", 14)
    card.text(570, 104, "person is among the k nearest.", 14)
    card.text(570, 138, "Rank-1 = 66.7 %", 15, MARK)
    card.text(570, 160, "Rank-2 = 100 %", 15, MARK)
    card.text(570, 194, "The curve of all k is the CMC.", 14, DIM)
    return card


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pictures().items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")

"""Labels of body parts and parameters of SMPL become sequences, and nothing of their files is run."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers.bodies.golden import body, parsing
from helpers.golden_rules import golden
from PIL import Image
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.errors import DataError
from gait_plugins.io.sequence_file import read_any
from gait_plugins.prepare import align_mask, layout_named
from gait_plugins.prepare.bodies.convert import BodyOrder, prepare_bodies, smpl_layout
from gait_plugins.prepare.bodies.labels import align_labels
from gait_plugins.prepare.bodies.smpl import UnreadableBody, read_body


def recorded_maps() -> list[np.ndarray]:
    """The four label maps that OpenGait's script was recorded with; the last one holds eight pixels."""
    maps = list((parsing(1, 4, 100, 70)[0] * body(1, 4, 100, 70)[0]).astype(np.uint8))
    maps[1] = np.pad(maps[1], ((0, 0), (0, 60)))
    maps[3][:] = 0
    maps[3][50:52, 30:34] = 3
    return maps


def test_labels_are_aligned_as_published() -> None:
    found = [align_labels(each) for each in recorded_maps()]
    assert found[3] is None, "39 pixels are nobody"
    assert np.array_equal(np.stack(found[:3]), golden("bodies/parsing")["gps_parsing"])


def test_their_silhouettes_are_aligned_as_published() -> None:
    found = [align_mask((each > 0).astype(np.uint8) * np.uint8(255)) for each in recorded_maps()]
    assert found[3] is None
    assert np.array_equal(np.stack(found[:3]), golden("bodies/parsing")["gps_silhouette"])


def test_a_person_at_the_border_is_padded() -> None:
    labels = np.zeros((40, 30), np.uint8)
    labels[5:35, :2] = 7
    found = align_labels(labels)
    assert found is not None
    assert set(np.unique(found)) == {0, 7}
    assert found[:, 30:34].any()


def write_maps(folder: Path, maps: list[np.ndarray], name: str = "0001/camid0_videoid2/seq0") -> None:
    target = folder / name
    target.mkdir(parents=True)
    for number, each in enumerate(maps):
        cv2.imwrite(str(target / f"{number:03d}.png"), each)


def run(*words: object) -> Any:
    return CliRunner().invoke(app, ["data", "prepare", *map(str, words)])


def test_maps_become_sequences(tmp_path: Path) -> None:
    write_maps(tmp_path / "2D_Parsings", recorded_maps())
    result = run(tmp_path / "2D_Parsings", tmp_path / "out", "--to", "parsing", "--dataset", "Gait3D")
    assert result.exit_code == 0, result.output
    assert "1 sequences of 3 frames written" in result.output
    assert "fewer than 40 pixels with a label" in result.output
    frames = read_any(tmp_path / "out/0001/camid0_videoid2/seq0/seq0.pkl")
    assert np.array_equal(np.asarray(frames), golden("bodies/parsing")["gps_parsing"])
    again = run(tmp_path / "2D_Parsings", tmp_path / "out", "--to", "parsing", "--dataset", "Gait3D")
    assert "1 sequences were already present" in again.output


def test_maps_that_their_owners_have_aligned_are_only_resized(tmp_path: Path) -> None:
    aligned = np.pad(recorded_maps()[0][:, :64], ((14, 14), (32, 32)))
    write_maps(tmp_path / "in", [aligned], "0001/00-nm/000/Sils_aligned")
    assert run(tmp_path / "in", tmp_path / "out", "--to", "parsing", "--dataset", "SUSTech1K").exit_code == 0
    found = np.asarray(read_any(tmp_path / "out/0001/00-nm/000/000.pkl"))
    assert np.array_equal(found[0], cv2.resize(aligned, (64, 64), interpolation=cv2.INTER_NEAREST))


def test_indices_of_a_palette_are_labels(tmp_path: Path) -> None:
    folder = tmp_path / "maps/a/b/c"
    folder.mkdir(parents=True)
    for number, each in enumerate(recorded_maps()[:2]):
        image = Image.fromarray(each, "L").convert("P")
        image.putdata(each.ravel().tolist())
        image.putpalette(np.random.default_rng(0).integers(0, 256, 768, np.uint8).tobytes())
        image.save(folder / f"{number}.png")
    prepare_bodies(BodyOrder(tmp_path / "maps", tmp_path / "out", layout_named("own")))
    found = np.asarray(read_any(tmp_path / "out/a/b/c/c.pkl"))
    assert np.array_equal(found, golden("bodies/parsing")["gps_parsing"][:2])


@pytest.mark.parametrize("change", [lambda x: (x > 0) * 255, lambda x: np.stack([x * 20] * 2 + [x], -1)])
def test_what_is_no_label_is_left_out_and_told(
    change: Callable[[np.ndarray], np.ndarray], tmp_path: Path
) -> None:
    write_maps(tmp_path / "maps", [change(each).astype(np.uint8) for each in recorded_maps()[:2]])
    result = run(tmp_path / "maps", tmp_path / "out", "--to", "parsing")
    assert result.exit_code == 2
    assert (
        "no sequence could be written: 1 sequences are left out: pictures that are no labels of 0 to 11"
        in (" ".join(result.output.split()))
    )


def results(parameters: np.ndarray, form: str = "list", people: int = 1, **more: Any) -> np.ndarray:
    """What numpy makes of the results of a frame."""
    person = {
        "cam": parameters[:3],
        "poses": parameters[3:75],
        "betas": parameters[75:],
        "verts": np.zeros((4, 3), np.float16),
        "confidence": np.float32(0.5),
        **more,
    }
    held: Any = [person] * people
    if form == "dict":
        held = {0: person}
    boxed = np.empty((), object)
    boxed[()] = held
    return boxed if form != "list" else np.array(held)


def frames_of(folder: Path, frames: list[np.ndarray], name: str = "0001/camid0_videoid2/seq0") -> Path:
    target = folder / name
    target.mkdir(parents=True)
    for number, each in enumerate(frames):
        np.savez(target / f"{number:04d}.npz", results=each)
    return folder


def walk(frames: int = 3) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(frames, 85)).astype(np.float32)


@pytest.mark.parametrize("form", ["list", "boxed list", "dict"])
def test_parameters_of_each_frame_become_a_sequence(form: str, tmp_path: Path) -> None:
    source = frames_of(tmp_path / "3D_SMPLs", [results(row, form) for row in walk()])
    result = run(source, tmp_path / "out", "--to", "smpl", "--dataset", "Gait3D")
    assert result.exit_code == 0, result.output
    found = np.asarray(read_any(tmp_path / "out/0001/camid0_videoid2/seq0/seq0.pkl"))
    assert found.dtype == np.float32
    assert np.array_equal(found, walk())


def test_of_several_bodies_the_first_is_taken_and_told(tmp_path: Path) -> None:
    source = frames_of(tmp_path / "in", [results(row, people=2) for row in walk()])
    record = prepare_bodies(BodyOrder(source, tmp_path / "out", smpl_layout("own"), "smpl"))
    assert record.frames == 3
    (sequence,) = record.sequences.values()
    assert len(sequence["frames hold several bodies, of which the first is taken"]) == 3


class Runs:
    """What would run code when it is unpickled as Python does it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


BAD = {
    "code in it": (lambda: results(walk()[0], cam=Runs()), "would run code: it imports builtins.print"),
    "no pose": (lambda: results(walk()[0], poses=np.zeros(69)), "holds 69 numbers of poses, expected 72"),
    "no camera": (lambda: results(walk()[0], cam=None), "holds no cam, expected 3"),
    "text": (lambda: results(walk()[0], cam="0.9"), "a pickled str under 'cam'"),
    "nobody": (lambda: results(walk()[0], "boxed", 0), "nobody was found"),
    "numbers": (lambda: walk(), "holds float32 numbers, expected a dict"),
    "not finite": (lambda: results(walk()[0] * np.nan), "NaN or infinity"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_of_another_form_leaves_its_sequence_out(name: str, tmp_path: Path) -> None:
    made, words = BAD[name]
    source = frames_of(tmp_path / "in", [results(walk()[0]), made()])
    with pytest.raises(UnreadableBody, match=words):
        read_body(source / "0001/camid0_videoid2/seq0/0001.npz")
    with pytest.raises(
        DataError, match="no sequence could be written: 1 sequences are left out: a file holds"
    ):
        prepare_bodies(BodyOrder(source, tmp_path / "out", smpl_layout("own"), "smpl"))


def test_damaged_files_are_told(tmp_path: Path) -> None:
    folder = frames_of(tmp_path, [results(walk()[0])]) / "0001/camid0_videoid2/seq0"
    whole = (folder / "0000.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[:-40])
    np.savez(folder / "other.npz", poses=walk())
    with zipfile.ZipFile(folder / "stream.npz", "w") as archive:
        content = io.BytesIO()
        np.lib.format.write_array(content, results(walk()[0], "boxed"))
        archive.writestr("results.npy", content.getvalue()[:-30])
    for name, words in (("cut", "."), ("other", "holds poses, expected results"), ("stream", "damaged")):
        with pytest.raises(UnreadableBody, match=words):
            read_body(folder / f"{name}.npz")
    nested: Any = []
    nested.append(nested)
    with zipfile.ZipFile(folder / "circle.npz", "w") as archive:
        content = io.BytesIO()
        np.lib.format.write_array(content, np.empty((), object))
        head = content.getvalue()[: -len(pickle.dumps(np.empty((), object), protocol=4))]
        archive.writestr("results.npy", head + pickle.dumps(nested))
    with pytest.raises(UnreadableBody, match="a pickle of more than 1000 objects"):
        read_body(folder / "circle.npz")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--to", "parsing", "--invert"], "--invert: not for --to parsing"),
        (["--to", "smpl", "--size", "64"], "--size: not for --to smpl"),
        (["--to", "smpl", "--joints", "coco17"], "--joints: not for --to smpl"),
        (["--to", "bodies"], "expected one of silhouettes, parsing, smpl, keypoints, skeleton-maps"),
        (["--to", "parsing", "--size", "63"], "--size 63: expected one of 64, 128"),
        (["--to", "parsing"], "0 sequences found: expected SOURCE/{id}/{type}/{view}/{frame}, found none"),
    ],
)
def test_options_without_use_are_refused(words: list[str], complaint: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    result = run(tmp_path / "in", tmp_path / "out", *words)
    assert result.exit_code == 2
    assert complaint in " ".join(result.output.split())

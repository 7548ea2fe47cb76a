"""Embeddings are written, people are enrolled and found again, from the command line and from Python."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.components.tiny import TINY_YAML, TinyWalks, seen_weights
from helpers.files import layout_files
from PIL import Image
from typer.testing import CliRunner

from gait_plugins import CheckpointError, ConfigError, DataError
from gait_plugins.cli import app
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.tools.embeddings import Embeddings, Origin, read_embeddings, write_embeddings
from gait_plugins.core.tools.identification import enroll, identify, separation
from gait_plugins.core.tools.sequence_files import SequenceFiles, read_image_folder

PEOPLE = ("ann", "ben", "cem")

Gait = Callable[..., tuple[int, str]]


@pytest.fixture
def gait(tiny: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gait:
    """Runs a command in a folder that holds tiny.yaml and the weights a.pt."""
    monkeypatch.chdir(tmp_path)
    # Nothing random: a walk is then as near to itself as can be.
    Path("tiny.yaml").write_text(TINY_YAML.replace("transform: [{type: Shift}]", "transform: [null]"))
    torch.manual_seed(0)
    torch.save({"model": seen_weights()}, "a.pt")

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*words, "--checkpoint", "a.pt", "--device", "cpu"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result.exit_code, result.output

    return run


@pytest.fixture
def tree(gait: Gait) -> Path:
    """Three people with two walks each, id/type/view/file."""
    root = Path("people")
    for person, name in enumerate(PEOPLE):
        for walk in range(2):
            folder = root / name / f"nm-{walk:02d}" / "090"
            folder.mkdir(parents=True)
            (folder / "090.pkl").write_bytes(pickle.dumps(walk_of(person, walk)))
    return root


def walk_of(person: int, walk: int) -> np.ndarray:
    dataset = TinyWalks()
    ref = next(ref for ref in dataset.sequences("train") if ref.source == (person, walk))
    return dataset.load(ref)[0]


def some(labels: list[str], values: list[float], checkpoint: str = "abc") -> Embeddings:
    texts = {
        name: np.array([f"{name}{i}" for i in range(len(labels))]) for name in ("types", "views", "names")
    }
    embeddings = np.array(values, np.float32).reshape(-1, 1, 1)
    return Embeddings(embeddings, np.array(labels), origin=Origin("a/M", checkpoint, (64, 44)), **texts)


def test_the_test_set_goes_to_documented_arrays(gait: Gait) -> None:
    code, output = gait("embed", "tiny.yaml", "-O", "test.npz")
    assert code == 0, output
    with np.load("test.npz") as arrays:
        assert arrays["embeddings"].shape == (20, 4, 1)
        assert arrays["embeddings"].dtype == np.float32
        assert [arrays[name].shape for name in ("labels", "types", "views", "names")] == [(20,)] * 4
        assert arrays["names"][0] == "004-nm-00-090"
        assert arrays["input_size"].tolist() == [8, 8]
        assert str(arrays["model"]) == "tiny-gait/TinyModel"
        assert len(str(arrays["checkpoint"])) == 64
    assert gait("embed", "tiny.yaml", "-O", "test.csv")[0] == 0
    rows = list(csv.DictReader(Path("test.csv").read_text().splitlines()))
    assert list(rows[0]) == ["name", "label", "type", "view", *(f"c{c}_p0" for c in range(4))]
    found = np.array([[float(row[f"c{c}_p0"]) for c in range(4)] for row in rows], np.float32)
    np.testing.assert_array_equal(found[:, :, None], read_embeddings(Path("test.npz")).embeddings)


def test_a_sequence_is_embedded_the_same_however_it_comes(gait: Gait, tree: Path) -> None:
    frames = walk_of(1, 1)
    np.save("walk.npy", frames)
    Path("images").mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(f"images/frame-{number + 8}.png", frame)  # 8, 9, 10, 11: sorted as numbers
    Path("loose").mkdir()
    np.save("loose/walk.npy", frames)
    embedder = Embedder("tiny.yaml", "a.pt", device="cpu")
    expected = embedder.arrays([frames])[0]
    for path in ("walk.npy", "images", "loose", tree / "ben/nm-01/090", tree / "ben/nm-01/090/090.pkl"):
        found = embedder.files([path])
        np.testing.assert_allclose(found.embeddings, expected[None], rtol=1e-5)
    np.testing.assert_array_equal(
        embedder.files("walk.npy").embeddings, embedder.files(["walk.npy"]).embeddings
    )
    together = embedder.files(["walk.npy", tree])
    assert together.names.tolist()[:2] == ["walk.npy", "ann-nm-00-090"]
    assert together.labels.tolist() == ["", "ann", "ann", "ben", "ben", "cem", "cem"]
    assert together.views.tolist() == ["", *["090"] * 6]
    np.testing.assert_allclose(together.embeddings[4], expected, rtol=1e-5)


def test_a_packed_file_is_a_tree_too(gait: Gait, tree: Path) -> None:
    assert CliRunner().invoke(app, ["data", "pack", str(tree), "people.npz"]).exit_code == 0
    embedder = Embedder("tiny.yaml", "a.pt", device="cpu")
    packed, loose = embedder.files(["people.npz"]), embedder.files([tree])
    assert packed.names.tolist() == loose.names.tolist()
    np.testing.assert_array_equal(packed.embeddings, loose.embeddings)


def test_people_are_enrolled_one_after_the_other_and_found_again(gait: Gait, tree: Path) -> None:
    for name in PEOPLE:
        words = ("enroll", "tiny.yaml", f"{tree}/{name}/nm-00/090", "--gallery", "g.npz", "--id", name)
        code, output = gait(*words)
        assert code == 0, output
    assert "holds 3 of 3 identities" in output
    assert "smallest distance between two identities" in output
    code, output = gait("identify", "tiny.yaml", f"{tree}/ben/nm-00/090/090.pkl", "--gallery", "g.npz")
    assert code == 0
    lines = output.splitlines()
    assert lines[0] == f"{tree}/ben/nm-00/090/090.pkl: ben"
    assert lines[1].split()[:2] == ["1", "ben"]
    assert len(lines) == 4
    code, output = gait("identify", "tiny.yaml", str(tree), "--gallery", "g.npz", "-k", "1", "--json")
    answers = json.loads(output)
    assert [answer["name"] for answer in answers][:2] == ["ann-nm-00-090", "ann-nm-01-090"]
    assert [answer["identity"] for answer in answers][::2] == list(PEOPLE)
    assert answers[0]["matches"][0]["distance"] < 1e-3
    assert all(len(answer["matches"]) == 1 for answer in answers)


def test_a_whole_tree_is_enrolled_at_once_and_never_twice(gait: Gait, tree: Path) -> None:
    code, output = gait("enroll", "tiny.yaml", str(tree), "--gallery", "g.npz")
    assert code == 0
    assert "6 sequences enrolled; g.npz holds 6 of 3 identities" in output
    assert "largest distance to the nearest other sequence of the same identity" in output
    code, output = gait("enroll", "tiny.yaml", str(tree), "--gallery", "g.npz")
    assert "6 sequences are already enrolled" in output
    assert "0 sequences enrolled; g.npz holds 6 of 3" in output


def test_who_is_too_far_away_is_unknown(gait: Gait, tree: Path) -> None:
    gait("enroll", "tiny.yaml", f"{tree}/ann/nm-00/090", "--gallery", "g.npz", "--id", "ann")
    words = ("identify", "tiny.yaml", f"{tree}/cem/nm-00/090", "--gallery", "g.npz")
    assert ": ann" in gait(*words)[1]
    code, output = gait(*words, "--unknown-above", "0.001")
    assert code == 0
    assert "090.pkl: unknown" in output
    assert "1  ann" in output  # still told, with the distance


def test_the_nearest_sequence_of_each_identity_counts() -> None:
    gallery = some(["b", "a", "b", "a"], [5.0, 0.0, 1.5, 9.0])
    (answer,) = identify(some([""], [2.0]), gallery, unknown_above=0.4)
    assert [(m.identity, m.distance, m.sequence) for m in answer.matches] == [
        ("b", 0.5, "names2"),
        ("a", 2.0, "names1"),
    ]
    assert (answer.known, answer.identity) == (False, None)
    (answer,) = identify(some([""], [2.0]), gallery, unknown_above=0.5)
    assert (answer.known, answer.identity) == (True, "b")  # just as far is not farther


def test_the_gallery_itself_says_how_far_apart_people_are() -> None:
    found = separation(some(["a", "a", "b", "b"], [0.0, 1.0, 4.0, 4.5]))
    assert (found.within, found.between) == (1.0, 3.0)
    assert separation(some(["a", "b"], [0.0, 2.0])) == (None, 2.0)
    assert separation(some(["a"], [0.0])) == (None, None)


def test_embeddings_of_other_weights_are_refused() -> None:
    gallery = some(["a"], [0.0])
    with pytest.raises(CheckpointError, match="checkpoint abc, now xyz"):
        identify(some([""], [1.0], checkpoint="xyz"), gallery)
    with pytest.raises(CheckpointError, match="another origin"):
        enroll(gallery, some(["b"], [1.0], checkpoint="xyz"))


def test_a_gallery_of_another_checkpoint_or_size_is_refused_with_words(gait: Gait, tree: Path) -> None:
    gait("enroll", "tiny.yaml", str(tree), "--gallery", "g.npz")
    before = Path("g.npz").read_bytes()
    np.save("large.npy", np.zeros((3, 16, 16), np.uint8))
    code, output = gait("identify", "tiny.yaml", "large.npy", "--gallery", "g.npz")
    assert code == 2
    assert "frames of 8x8, now 16x16" in output
    torch.save({"model": seen_weights()}, "a.pt")
    for command in (["identify"], ["enroll", "--id", "dan"]):
        code, output = gait(*command, "tiny.yaml", str(tree / "ann/nm-00/090"), "--gallery", "g.npz")
        assert code == 2
        assert "embeddings of another origin: checkpoint" in output
    assert Path("g.npz").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["embed", "tiny.yaml", "-O", "out.txt"], "written as .npz or .csv"),
        (["embed", "tiny.yaml", "nowhere.pkl", "-O", "out.npz"], "no such file or folder"),
        (
            ["embed", "tiny.yaml", "walk.npz/walks", "--checkpoint", "none.pt", "-O", "out.npz"],
            "walk.npz/walks: walk.npz is a file and no folder",
        ),
        (
            ["enroll", "tiny.yaml", "nowhere", "--checkpoint", "none.pt", "--gallery", "n.npz"],
            "no such file or folder",
        ),
        (
            ["identify", "tiny.yaml", "nowhere", "--checkpoint", "none.pt", "--gallery", "g.npz"],
            "no such file or folder",
        ),
        (
            ["embed", "tiny.yaml", "--checkpoint", "none.pt", "-O", "walk.npz/out.npz"],
            "cannot be written there: walk.npz is a file and no folder",
        ),
        (["embed", "tiny.yaml", "empty", "-O", "out.npz"], "no identity folders found"),
        (["embed", "tiny.yaml", "a.pt", "-O", "out.npz"], "expected one file with all frames"),
        (
            ["enroll", "tiny.yaml", "people/ann/nm-00/090", "--gallery", "n.npz"],
            "no identity given for people/ann/nm-00/090/090.pkl",
        ),
        (["enroll", "tiny.yaml", "people", "--id", "ann", "--gallery", "n.npz"], "names 3 identities itself"),
        (["enroll", "tiny.yaml", "people", "--gallery", "n.csv"], "a folder named NAME or NAME.gallery"),
        (["enroll", "tiny.yaml", "people", "--gallery", "walk.npz"], "not a file of embeddings"),
        (["identify", "tiny.yaml", "people", "--gallery", "nowhere.npz"], "no such file"),
        (["identify", "tiny.yaml", "people", "--gallery", "a.pt"], "not a file of embeddings"),
        (["identify", "tiny.yaml", "people", "--gallery", "none.npz"], "the gallery is empty"),
        (["identify", "tiny.yaml", "people", "--gallery", "nameless.npz"], "have no identity"),
        (["identify", "tiny.yaml", "people", "--gallery", "g.npz", "-k", "4"], "the gallery holds 3"),
        (["identify", "tiny.yaml", "people", "--gallery", "g.npz", "-k", "0"], "the gallery holds 3"),
        (["identify", "tiny.yaml", "people", "--gallery", "g.npz", "--unknown-above", "-1"], "0 or more"),
        (
            ["identify", "tiny.yaml", "people", "--gallery", "g.npz", "--metric", "l1"],
            "unknown distance 'l1', expected euc or cos",
        ),
    ],
)
def test_bad_input_ends_with_words_and_code_two(gait: Gait, tree: Path, words: list[str], said: str) -> None:
    Path("empty").mkdir()
    np.savez("walk.npz", walk_of(0, 0))
    write_embeddings(Path("none.npz"), some([], []))
    write_embeddings(Path("nameless.npz"), some(["", "ann"], [1.0, 2.0]))
    gait("enroll", "tiny.yaml", str(tree), "--gallery", "g.npz")
    code, output = gait(*words)
    assert code == 2
    assert said in output
    assert not list(Path().glob("out.*"))
    assert not list(Path().glob("n.*"))


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    data = some(["a", ""], [1.0, 2.0])
    write_embeddings(tmp_path / "a.npz", data)
    again = read_embeddings(tmp_path / "a.npz")
    assert again.origin == data.origin
    for name in ("embeddings", "labels", "types", "views", "names"):
        np.testing.assert_array_equal(getattr(again, name), getattr(data, name))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY"])
def test_a_damaged_gallery_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz: .*(not a file of embeddings|truncated or damaged)"):
        read_embeddings(tmp_path / "a.npz")


def test_a_gallery_of_a_future_format_is_refused(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "a.npz", some(["a"], [1.0]))
    with np.load(tmp_path / "a.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "a.npz", **{**arrays, "format": np.array(99)})
    with pytest.raises(DataError, match="format 99"):
        read_embeddings(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("format", "one", "the format is 'one'"),
        ("input_size", [64], "the input_size is [64]"),
        ("embeddings", [["a"]], "the arrays have shapes"),
        ("embeddings", [[["a"]]], "the embeddings are <U1"),
    ],
)
def test_arrays_of_a_stranger_are_no_gallery(tmp_path: Path, name: str, value: object, said: str) -> None:
    path = tmp_path / "gallery.npz"
    write_embeddings(path, some(["ann"], [1.0]))
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **{**arrays, name: np.array(value)})
    with pytest.raises(DataError, match="this is not a file of embeddings") as caught:
        read_embeddings(path)
    assert said in str(caught.value)


def test_a_gallery_with_another_number_of_parts_is_refused() -> None:
    gallery = some(["ann"], [1.0])
    with pytest.raises(DataError, match="1 channels x 1 parts, the new embeddings have 1 x 2"):
        enroll(gallery, replace(some(["ben"], [2.0]), embeddings=np.zeros((1, 1, 2), np.float32)))


@pytest.mark.parametrize(
    ("part", "said"),
    [("people/ann/nm-00", "views of one condition")],
)
def test_a_part_of_a_tree_is_told_from_a_tree(gait: Gait, tree: Path, part: str, said: str) -> None:
    code, output = gait("embed", "tiny.yaml", part, "-O", "x.npz")
    assert code == 2
    assert said in output
    assert "give the folder that holds the identities" in output


def test_a_film_that_is_none_is_told(gait: Gait) -> None:
    Path("walk.mp4").write_bytes(b"film")
    code, output = gait("embed", "tiny.yaml", "walk.mp4", "-O", "x.npz")
    assert code == 2
    assert "walk.mp4: no frame of the film can be read (4 bytes)" in output


def test_images_on_white_are_refused(tmp_path: Path) -> None:
    frame = np.full((64, 64), 255, np.uint8)
    frame[8:, 20:40] = 0
    cv2.imwrite(str(tmp_path / "1.png"), frame)
    with pytest.raises(DataError, match="white background") as caught:
        read_image_folder(tmp_path)
    assert "--invert" in str(caught.value)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [([(240, 320)], "240x320, wider than high"), ([(64, 64), (64, 44)], "64x44 after frames of 64x64")],
)
def test_images_that_are_not_aligned_are_told_how_to_be(
    tmp_path: Path, shapes: list[tuple[int, int]], said: str
) -> None:
    for number, shape in enumerate(shapes):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full(shape, 255, np.uint8))
    with pytest.raises(DataError, match=said) as caught:
        read_image_folder(tmp_path)
    assert "gait-plugins data prepare" in (caught.value.hint or "")


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "7.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read"):
        read_image_folder(tmp_path)


def test_hidden_files_are_no_frames(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((8, 8), np.uint8))
    (tmp_path / "._1.png").write_bytes(b"metadata")
    assert len(SequenceFiles([tmp_path]).sequences("test")) == 1
    assert read_image_folder(tmp_path).shape == (1, 8, 8)


def test_a_model_without_weights_needs_no_checkpoint(tmp_path: Path) -> None:
    embedder = Embedder("walkers/gei", device="cpu")
    found = embedder.arrays([np.full((3, 64, 64), 255, np.uint8)])
    assert found.shape == (1, 64 * 44, 1)
    assert embedder.origin.checkpoint == ""


def test_a_metric_that_does_not_exist_is_refused_from_python_too() -> None:
    with pytest.raises(ConfigError, match="'l1'"):
        identify(some([""], [0.0]), some(["a"], [0.0]), metric="l1")  # type: ignore[arg-type]


def test_aligned_images_with_a_palette_are_white_people(tmp_path: Path) -> None:
    frames = layout_files.person(3)
    for second, palette in ((0, [0, 0, 0, 128, 0, 0]), (2, [0, 0, 0, 128, 0, 0, 0, 128, 0])):
        for number, frame in enumerate(frames):
            indices = frame // 255
            indices[4:-4, 2:12] = second
            image = Image.fromarray(indices)
            image.putpalette(palette)
            image.save(tmp_path / f"{number}.png")
        if not second:
            np.testing.assert_array_equal(read_image_folder(tmp_path), frames)
    with pytest.raises(DataError, match="labels 1, 2"):
        read_image_folder(tmp_path)

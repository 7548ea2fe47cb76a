"""The layout on disk: order, inputs, hidden files, and a clear error for each way of getting it wrong."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
from helpers.files.layout_files import partition, person, small_set, write

from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.data.layout import OpenGaitLayout


def test_identities_as_in_the_partition_then_types_and_views_sorted(tmp_path):
    refs = OpenGaitLayout(*small_set(tmp_path)).sequences("train")
    assert [ref.name for ref in refs] == [
        f"{label}-{kind}-{view}"
        for label in ("002", "001")
        for kind in ("bg-01", "nm-01")
        for view in ("000", "090")
    ]


def test_frames_of_a_sequence_are_loaded(tmp_path):
    layout = OpenGaitLayout(*small_set(tmp_path))
    (frames,) = layout.load(layout.sequences("test")[0])
    np.testing.assert_array_equal(frames[1:], person()[1:])  # the first frame tells the walks apart


def test_nothing_is_touched_before_it_is_asked_for():
    OpenGaitLayout("your_path", "nowhere.json")


def test_hidden_files_are_skipped_on_every_level(tmp_path):
    root, listed = small_set(tmp_path)
    clean = OpenGaitLayout(root, listed).sequences("train")
    for place in ("", "001", "001/nm-01", "001/nm-01/000"):
        for name in (".DS_Store", "Thumbs.db", "._000.pkl", "desktop.ini"):
            (Path(root) / place / name).write_bytes(b"x")
        (Path(root) / place / ".cache").mkdir()
    assert OpenGaitLayout(root, listed).sequences("train") == clean


def several_inputs(folder: Path) -> tuple[str, str]:
    root = folder / "data"
    for number, name in enumerate(("0_sils.pkl", "1_parsing.npy", "2_depth.npz")):
        path = root / "001" / "nm" / "000" / name
        frames = person(value=100 + number)
        if name.endswith("pkl"):
            write(path, frames)
        elif name.endswith("npy"):
            np.save(path, frames)
        else:
            np.savez(path, frames)
    return str(root), str(partition(folder / "p.json", ["001"], []))


@pytest.mark.parametrize(
    ("use", "values"),
    [
        (None, [100, 101, 102]),
        ([True, False, True], [100, 102]),
        ([False, True], [101]),
        ([2, 0], [102, 100]),
        ([1], [101]),
    ],
)
def test_files_of_a_view_are_inputs_by_mask_or_position(tmp_path, use, values):
    layout = OpenGaitLayout(*several_inputs(tmp_path), data_in_use=use)
    loaded = layout.load(layout.sequences("train")[0])
    assert [frames.max() for frames in loaded] == values


@pytest.mark.parametrize("use", [[], [False], [1, True], [-1], ["0"]])
def test_data_in_use_is_checked(use):
    with pytest.raises(ConfigError, match="data_in_use"):
        OpenGaitLayout("root", "partition", data_in_use=use)


def test_sequences_with_another_number_of_inputs_are_an_error(tmp_path):
    root, listed = small_set(tmp_path)
    write(Path(root) / "001/nm-01/090/090-more.pkl", person())
    with pytest.raises(DataError, match="view folders give 2 input files, expected 1") as caught:
        OpenGaitLayout(root, listed).sequences("train")
    assert "001/nm-01/090" in str(caught.value)
    assert "data_in_use" in str(caught.value)
    assert len(OpenGaitLayout(root, listed, data_in_use=[True]).sequences("train")) == 8
    with pytest.raises(DataError, match="give 1 input files, expected 2"):
        OpenGaitLayout(root, listed, data_in_use=[0, 1]).sequences("train")


def test_inputs_of_different_lengths_are_an_error(tmp_path):
    root = tmp_path / "data"
    write(root / "001/nm/000/a.pkl", person(20))
    write(root / "001/nm/000/b.pkl", person(19))
    layout = OpenGaitLayout(str(root), str(partition(tmp_path / "p.json", ["001"], [])))
    with pytest.raises(DataError, match=r"a.pkl has 20, .*b.pkl has 19"):
        layout.load(layout.sequences("train")[0])


def test_every_training_sequence_may_be_a_class_of_its_own(tmp_path):
    layout = OpenGaitLayout(*small_set(tmp_path), self_supervised=True)
    assert len({ref.label for ref in layout.sequences("train")}) == 8
    assert layout.sequences("train")[0].label == "002-bg-01-000"
    assert {ref.label for ref in layout.sequences("test")} == {"003", "004"}


def test_cache_reads_a_file_once_and_stays_in_its_process(tmp_path):
    root, listed = small_set(tmp_path)
    cached, plain = (OpenGaitLayout(root, listed, cache=flag) for flag in (True, False))
    ref = cached.sequences("train")[0]
    first = cached.load(ref)[0]
    copy = pickle.loads(pickle.dumps(cached))
    Path(ref.source[0]).unlink()
    assert cached.load(ref)[0] is first
    for other in (plain, copy):
        with pytest.raises(DataError, match="No such file"):
            other.load(ref)


def test_probes_are_listed_or_what_the_gallery_leaves(tmp_path):
    assert OpenGaitLayout(*small_set(tmp_path)).probe_set() is None
    listed = small_set(tmp_path, PROBE_SET=["003-nm-01-000"])
    assert OpenGaitLayout(*listed).probe_set() == {"003-nm-01-000"}
    gallery = [f"{i}-{t}-{v}" for i in ("003", "004") for t in ("nm-01", "bg-01") for v in ("000", "090")]
    listed = small_set(tmp_path, GALLERY_SET=gallery[1:])
    assert OpenGaitLayout(*listed).probe_set() == {"003-nm-01-000"}


def test_missing_identities_are_mentioned(tmp_path, caplog):
    root, _ = small_set(tmp_path)
    layout = OpenGaitLayout(root, str(partition(tmp_path / "p.json", ["001", "077", "078"], ["003"])))
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        assert len(layout.sequences("train")) == 4
    assert "2 of 3 train identities" in caplog.text


def test_empty_folders_are_skipped_and_mentioned(tmp_path, caplog):
    root, listed = small_set(tmp_path)
    (Path(root) / "001/nm-01/180").mkdir()
    (Path(root) / "001/cl-01").mkdir()
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        assert len(OpenGaitLayout(root, listed).sequences("train")) == 8
    assert "1 view folders hold no sequence file" in caplog.text
    assert "1 folders are empty" in caplog.text


def test_a_subset_that_nobody_is_in_is_empty(tmp_path):
    root, _ = small_set(tmp_path)
    assert OpenGaitLayout(root, str(partition(tmp_path / "p.json", ["001"], []))).sequences("test") == []


# --- wrong roots ---------------------------------------------------------------------------------


def error_of(root: object, listed: object) -> str:
    with pytest.raises(DataError) as caught:
        OpenGaitLayout(str(root), str(listed)).sequences("train")
    return str(caught.value)


def test_placeholder_root(tmp_path):
    _, listed = small_set(tmp_path)
    message = error_of("your_path", listed)
    assert "placeholder 'your_path'" in message
    assert "-o data_cfg.dataset_root=" in message


def test_missing_root_and_file_as_root(tmp_path):
    _, listed = small_set(tmp_path)
    assert "does not exist" in error_of(tmp_path / "none", listed)
    assert "is a file, expected a folder" in error_of(listed, listed)


def test_root_one_level_too_high(tmp_path):
    _, listed = small_set(tmp_path)
    message = error_of(tmp_path, listed)
    assert "one folder level too high" in message
    assert f"-o data_cfg.dataset_root={tmp_path / 'data'}" in message


@pytest.mark.parametrize(
    ("inner", "levels"), [("001", "one"), ("001/nm-01", "two"), ("001/nm-01/000", "three")]
)
def test_root_too_deep(tmp_path, inner, levels):
    root, listed = small_set(tmp_path)
    message = error_of(Path(root) / inner, listed)
    assert f"{levels} folder level" in message
    assert "too deep" in message
    assert message.endswith(f"dataset_root={root}")


def test_identities_spelt_otherwise(tmp_path):
    root, _ = small_set(tmp_path)
    message = error_of(root, partition(tmp_path / "p.json", ["1", "2"], ["3"]))
    assert "'001' on disk, '1' in the partition" in message


def test_another_data_set(tmp_path):
    root, _ = small_set(tmp_path)
    message = error_of(root, partition(tmp_path / "p.json", ["A9", "B7"], ["C4"]))
    assert "expected folders A9, B7, found folders 001, 002, 003, ... (4)" in message
    assert "different data sets" in message


def test_files_directly_in_the_root_and_empty_root(tmp_path):
    listed = partition(tmp_path / "p.json", ["001"], [])
    write(tmp_path / "flat" / "001.pkl", person())
    assert "directly in the root" in error_of(tmp_path / "flat", listed)
    (tmp_path / "empty").mkdir()
    assert "found no folders" in error_of(tmp_path / "empty", listed)


# --- wrong depth and wrong files -----------------------------------------------------------------


def test_one_folder_level_too_deep(tmp_path):
    listed = partition(tmp_path / "p.json", ["001"], [])
    write(tmp_path / "data/001/extra/nm-01/000/000.pkl", person())
    message = error_of(tmp_path / "data", listed)
    assert "one level too deep" in message
    assert "ROOT/<id>/<type>/<view>/<files>" in message


@pytest.mark.parametrize(
    ("place", "problem"),
    [("001/nm-01/000.pkl", "a type's folder, one level too high"), ("001/000.npy", "an identity's folder")],
)
def test_sequence_files_too_high(tmp_path, place, problem):
    root, listed = small_set(tmp_path)
    write(Path(root) / place, person())
    message = error_of(root, listed)
    assert problem in message
    assert place in message


def test_images_instead_of_sequence_files(tmp_path):
    listed = partition(tmp_path / "p.json", ["001"], [])
    for number in range(3):
        write(tmp_path / f"data/001/nm/000/{number:03d}.png", b"")
    message = error_of(tmp_path / "data", listed)
    assert "single images instead of one file of all frames" in message
    assert "gait-plugins data prepare" in message


def test_other_files_beside_folders_are_skipped(tmp_path):
    root, listed = small_set(tmp_path)
    (Path(root) / "001/README.txt").write_text("notes")
    (Path(root) / "001/nm-01/000/notes.json").write_text("{}")
    assert len(OpenGaitLayout(root, listed).sequences("train")) == 8


def test_no_sequence_file_at_all(tmp_path):
    (tmp_path / "data/001/nm/000").mkdir(parents=True)
    message = error_of(tmp_path / "data", partition(tmp_path / "p.json", ["001"], []))
    assert "no sequence file" in message


def test_truncated_file_is_named(tmp_path):
    root, listed = small_set(tmp_path)
    path = Path(root) / "002/bg-01/000/000.pkl"
    path.write_bytes(path.read_bytes()[:100])
    layout = OpenGaitLayout(root, listed)
    with pytest.raises(DataError, match="truncated") as caught:
        layout.load(layout.sequences("train")[0])
    assert str(path) in str(caught.value)


# --- wrong partitions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "not a JSON file"),
        ("[1]", "found a JSON list"),
        ('{"TRAIN_SET": []}', "TEST_SET is missing; found TRAIN_SET"),
        ("{}", "TRAIN_SET is missing; found no keys"),
        ('{"TRAIN_SET": [1, 2], "TEST_SET": []}', "TRAIN_SET holds 1, expected a list of strings"),
        ('{"TRAIN_SET": "001", "TEST_SET": []}', "TRAIN_SET holds '001'"),
        ('{"TRAIN_SET": [], "TEST_SET": [], "PROBE_SET": {}}', "PROBE_SET holds {}"),
    ],
)
def test_wrong_partitions(tmp_path, content, problem):
    root, _ = small_set(tmp_path)
    path = tmp_path / "wrong.json"
    path.write_text(content)
    message = error_of(root, path)
    assert problem in message
    assert str(path) in message


def test_missing_partition(tmp_path):
    root, _ = small_set(tmp_path)
    message = error_of(root, tmp_path / "none.json")
    assert "No such file" in message
    assert "dataset_partition" in message


def test_partition_in_any_unicode_dress(tmp_path):
    root, _ = small_set(tmp_path)
    path = tmp_path / "bom.json"
    path.write_text(json.dumps({"TRAIN_SET": ["001"], "TEST_SET": []}), encoding="utf-8-sig")
    assert len(OpenGaitLayout(root, str(path)).sequences("train")) == 4

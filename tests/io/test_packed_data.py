"""One packed file in place of folders: the same sequences, order, frames and batches, and clear refusals."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from helpers.files.layout_files import packed, partition, person, small_set, write
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from typer.testing import CliRunner

from gait_plugins import build
from gait_plugins.api import GaitDataset, SequenceIndex, SequenceRef
from gait_plugins.cli import app
from gait_plugins.core.data.loader import BatchMaker
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.dataset_file import PackedFile, pack_alike, unpack_frames
from gait_plugins.prepare import pack as packing
from gait_plugins.prepare.partition import Split, make_partition


def gait(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["data", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def both(root: str, file: str, listed: str, **options: object) -> tuple[GaitDataset, GaitDataset]:
    """The folders and the packed file as data sets."""
    rest = {"dataset_partition": listed, **options}
    return (
        build("dataset", {"type": "OpenGaitLayout", "dataset_root": root, **rest}),
        build("dataset", {"type": "PackedSilhouettes", "dataset_root": file, **rest}),
    )


@settings(max_examples=60, deadline=None)
@given(
    frames=arrays(
        np.uint8,
        st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 20)),
        elements=st.sampled_from([0, 0, 255]),
    ),
    grey=st.booleans(),
)
def test_packing_loses_nothing(frames, grey):
    if grey:
        frames = frames.copy()
        frames.flat[0] = 7
    made = pack_alike(frames[np.newaxis])[0]
    assert made.bits == (8 if grey else 1)
    found = unpack_frames(made, frames.shape)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, frames)
    assert not np.shares_memory(found, frames)


@settings(max_examples=60, deadline=None)
@given(
    several=arrays(
        np.uint8,
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(1, 20)),
        elements=st.sampled_from([0, 0, 0, 255]),
    ),
    grey=st.sets(st.integers(0, 3)),
)
def test_arrays_that_are_packed_together_have_the_bytes_of_each_alone(several, grey):
    several = several.copy()
    for place in grey:
        several[place % len(several), 0, 0, 0] = 7
    for made, frames in zip(pack_alike(several), several, strict=True):
        (alone,) = pack_alike(frames[np.newaxis])
        assert made[1:] == alone[1:]
        np.testing.assert_array_equal(made.data, alone.data)
        np.testing.assert_array_equal(unpack_frames(made, frames.shape), frames)


def test_the_file_gives_the_sequences_of_the_folders(tmp_path, monkeypatch):
    root, listed = small_set(tmp_path, PROBE_SET=["003-nm-01-000"])
    write(Path(root) / "001/nm-01/000/000.pkl", person(7, width=44))
    soft = person(5)
    soft[0, 0, 0] = 9
    write(Path(root) / "002/nm-01/000/000.pkl", soft)
    write(Path(root) / "003/bg-01/000/000.pkl", np.stack([person(4), person(4)], axis=1))
    monkeypatch.setattr(packing, "CHUNK", 5000)
    tree, file = both(root, packed(root), listed)
    for subset in ("train", "test"):
        ours, theirs = file.sequences(subset), tree.sequences(subset)
        assert [ref[:3] for ref in ours] == [ref[:3] for ref in theirs]
        for one, other in zip(ours, theirs, strict=True):
            (found,), (expected,) = file.load(one), tree.load(other)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
            assert not found.flags.writeable
    assert file.probe_set() == tree.probe_set()


def test_batches_are_those_of_the_folders_also_in_a_worker(tmp_path):
    root, listed = small_set(tmp_path)
    made = []
    for dataset in both(root, packed(root), listed):
        maker = BatchMaker(
            dataset=dataset,
            index=SequenceIndex(dataset.sequences("train")),
            batch_sampler=build("batch_sampler", {"type": "TripletSampler", "batch_size": [2, 2]}),
            frame_sampler=build("frame_sampler", {"sample_type": "fixed_unordered", "frames_num_fixed": 5}),
            transforms=[build("transform", {"type": "BaseSilCuttingTransform"})],
        )
        made += [maker.make(1), pickle.loads(pickle.dumps(maker)).make(1)]
    for batch in made[1:]:
        assert batch.names == made[0].names
        assert batch.frames[0].equal(made[0].frames[0])


def test_a_pickled_data_set_is_small_and_opens_the_file_anew(tmp_path):
    root, listed = small_set(tmp_path)
    _, file = both(root, packed(root), listed)
    refs = file.sequences("train")
    content = pickle.dumps(file)
    assert len(content) < 2000
    np.testing.assert_array_equal(pickle.loads(content).load(refs[0])[0], file.load(refs[0])[0])


def test_several_inputs_are_kept_and_chosen(tmp_path):
    root, listed = small_set(tmp_path)
    for view in Path(root).glob("*/*/*"):
        write(view / "zz.pkl", person(value=254))
    path = packed(root)
    for use in (None, [1, 0], [False, True]):
        tree, file = both(root, path, listed, data_in_use=use)
        ref = file.sequences("test")[0]
        for one, other in zip(file.load(ref), tree.load(tree.sequences("test")[0]), strict=True):
            np.testing.assert_array_equal(one, other)
    _, file = both(root, path, listed, data_in_use=[2])
    with pytest.raises(ConfigError, match="has 2 arrays"):
        file.sequences("train")


def test_the_file_is_a_plain_numpy_archive(tmp_path):
    root, _ = small_set(tmp_path)
    with np.load(packed(root)) as archive:
        assert archive["labels"].tolist() == ["001", "002", "003", "004"]
        row = archive["records"][0, 0]
        t, _, height, _ = row["shape"]
        data = archive[f"frames_{row['chunk']}"][row["start"] :]
        kept = row["last"] - row["first"]
        whole = np.zeros((t * height, 8), np.uint8)
        whole[:, row["first"] : row["last"]] = data[: t * height * kept].reshape(-1, kept)
        found = np.unpackbits(whole, axis=1).reshape(t, 64, 64) * np.uint8(255)
    np.testing.assert_array_equal(found[1:], person()[1:])  # the first frame tells the walks apart


def test_a_threshold_makes_every_array_binary_and_an_eighth_or_less(tmp_path):
    root, _ = small_set(tmp_path)
    write(Path(root) / "001/nm-01/000/000.pkl", person(value=200))
    code, text = gait("pack", root, tmp_path / "grey.npz")
    assert code == 0
    assert "1 sequences are grey" in text
    assert gait("pack", root, tmp_path / "set.npz", "--threshold", 127)[0] == 0
    np.testing.assert_array_equal(PackedFile(str(tmp_path / "set.npz")).load(2)[0], person())
    assert (tmp_path / "set.npz").stat().st_size < 16 * 20 * 64 * 64 / 8


def test_maps_of_several_channels_are_not_called_grey_silhouettes(tmp_path):
    root, _ = small_set(tmp_path)
    write(Path(root) / "001/nm-01/000/000.pkl", np.full((20, 2, 64, 64), 200, np.uint8))
    code, text = gait("pack", root, tmp_path / "maps.npz")
    assert code == 0, text
    assert "--threshold" not in text


def test_a_truncated_foreign_or_missing_file_is_told(tmp_path):
    root, _ = small_set(tmp_path)
    whole = Path(packed(root)).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[:-200])
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for name, told in [
        ("cut.npz", "damaged"),
        ("other.npz", "not a packed data file"),
        ("none.npz", "No such file"),
    ]:
        with pytest.raises(DataError, match=told):
            PackedFile(str(tmp_path / name))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chunk", 7),
        ("chunk", -1),
        ("start", -5),
        ("bits", 4),
        ("last", 99),
        ("first", 9),
        ("shape", [0, 0, 64, 64]),
        ("shape", [20, -1, 64, 64]),
    ],
)
def test_records_that_cannot_be_are_told_on_opening(tmp_path, field, value):
    with np.load(packed(small_set(tmp_path)[0])) as archive:
        arrays = dict(archive)
    arrays["records"][field][0] = value
    np.savez(tmp_path / "odd.npz", **arrays)
    with pytest.raises(DataError, match="the records of 1 arrays hold impossible values"):
        PackedFile(str(tmp_path / "odd.npz"))


@pytest.mark.parametrize(("row", "label"), [(0, 99), (0, -1), (0, 3)])
def test_sequences_that_cannot_be_are_told_on_opening(tmp_path, row, label):
    with np.load(packed(small_set(tmp_path)[0])) as archive:
        arrays = dict(archive)
    arrays["sequences"]["label"][row] = label  # beyond the names, or out of order
    np.savez(tmp_path / "odd.npz", **arrays)
    with pytest.raises(DataError, match="the sequences are not sorted"):
        PackedFile(str(tmp_path / "odd.npz"))


def test_check_tells_damaged_bytes_and_missing_identities(tmp_path):
    root, _ = small_set(tmp_path)
    path = Path(packed(root))
    listed = partition(tmp_path / "p.json", ["001", "088"], ["003"])
    code, text = gait("check", "--root", path, "--partition", listed)
    assert code == 0
    assert "train identities of the partition are not in the file\n    088" in text
    content = bytearray(path.read_bytes())
    content[300] ^= 255
    path.write_bytes(content)
    code, text = gait("check", "--root", path, "--partition", listed)
    assert code == 2
    assert "the packed data file is truncated or damaged: frames_0.npy" in text


def test_packing_refuses_what_it_cannot_do_and_leaves_nothing(tmp_path):
    root, listed = small_set(tmp_path)
    for words, told in [
        ([root, tmp_path / "x.bin"], "must end in .npz"),
        ([tmp_path / "none", tmp_path / "x.npz"], "no such folder"),
        ([root, root], "this is a folder"),
        ([root, listed], "the file already exists"),
        ([root, tmp_path / "x.npz", "--threshold", 256], "expected 0 to 254"),
        ([Path(root) / "001", tmp_path / "x.npz"], "one level too high"),
    ]:
        code, text = gait("pack", *words)
        assert (code, told in text) == (2, True), text
    write(Path(root) / "001/nm-01/000/000.pkl", print)
    code, text = gait("pack", root, tmp_path / "x.npz")
    assert code == 2
    assert "001/nm-01/000/000.pkl" in text.replace("\\", "/")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "set.json"]


def test_a_packed_file_given_as_folder_is_told(tmp_path):
    root, listed = small_set(tmp_path)
    with pytest.raises(DataError, match=r"data_cfg\.type=PackedSilhouettes"):
        both(packed(root), "", listed)[0].sequences("train")


# --- partitions of one's own data ----------------------------------------------------------------


def split(tmp_path: Path, *words: object) -> tuple[int, str, dict]:
    root = tmp_path / "data"
    if not root.exists():
        small_set(tmp_path)
    code, text = gait("partition", root, "-o", tmp_path / "own.json", "--overwrite", *words)
    path = tmp_path / "own.json"
    return code, text, json.loads(path.read_text()) if code == 0 else {}


def test_a_share_of_the_identities_is_drawn_by_the_seed(tmp_path):
    drawn = [split(tmp_path, "--share", 0.5, "--seed", seed)[2] for seed in (1, 1, 2, 3, 4)]
    assert drawn[0] == drawn[1]
    assert len({tuple(one["TRAIN_SET"]) for one in drawn}) > 1
    for one in drawn:
        assert sorted(one["TRAIN_SET"] + one["TEST_SET"]) == ["001", "002", "003", "004"]


def test_what_is_drawn_is_the_same_everywhere():
    refs = [SequenceRef(name, "nm", "000", None) for name in "hgfedcba"]
    found = make_partition(refs, Split(seed=3))
    assert found == {"TRAIN_SET": ["b", "c", "g", "h"], "TEST_SET": ["a", "d", "e", "f"]}


def test_identities_may_be_listed(tmp_path):
    assert split(tmp_path, "--first", 3)[2]["TEST_SET"] == ["004"]
    assert split(tmp_path, "--test", "002")[2]["TRAIN_SET"] == ["001", "003", "004"]
    (tmp_path / "names.txt").write_text("003\n\n001\n")
    found = split(tmp_path, "--train-list", tmp_path / "names.txt", "--test", "002")[2]
    assert found == {"TRAIN_SET": ["001", "003"], "TEST_SET": ["002"]}


@pytest.mark.parametrize("content", [None, b"\xff\xfe1\x00"])
def test_a_list_that_cannot_be_read_is_told(tmp_path, content):
    if content is not None:
        (tmp_path / "names.txt").write_bytes(content)
    code, text, _ = split(tmp_path, "--train-list", tmp_path / "names.txt")
    assert code == 2
    assert "one identity per line" in text


def test_the_first_identities_are_the_first_by_number():
    refs = [SequenceRef(f"p{number}", "nm", "000", None) for number in (10, 2, 1, 20)]
    content = make_partition(refs, Split(first=2))
    assert content == {"TRAIN_SET": ["p1", "p2"], "TEST_SET": ["p10", "p20"]}


def test_probes_are_chosen_by_name_or_drawn(tmp_path):
    found = split(tmp_path, "--first", 2, "--probe", "*-bg-*-000")[2]
    assert found["PROBE_SET"] == ["003-bg-01-000", "004-bg-01-000"]
    assert len(split(tmp_path, "--first", 2, "--probes", 2)[2]["PROBE_SET"]) == 4
    (tmp_path / "own.json").write_text(json.dumps(found))
    assert gait("check", "--root", tmp_path / "data", "--partition", tmp_path / "own.json")[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--train", "01"], "did you mean '001'?"),
        (["--train", "001", "--test", "001"], "test identities must not be trained on"),
        (["--first", 4], "no identity is left for the test set"),
        (["--first", 1, "--test", "001"], "--first cannot be combined"),
        (["--share", 1.5], "between 0 and 1"),
        (["--probe", "*-cl-*"], "no test sequence matches"),
        (["--probe", "*", "--probes", 1], "--probes cannot be combined"),
        (["--probes", 0], "expected 1 or more"),
    ],
)
def test_partitions_that_cannot_be_are_refused(tmp_path, words, told):
    code, text, _ = split(tmp_path, *words)
    assert code == 2
    assert told in text
    assert not (tmp_path / "own.json").exists()


@pytest.mark.parametrize("nested", [False, True], ids=["plain", "nested"])
def test_a_self_supervised_data_set_is_packed_by_its_people(nested: bool, tmp_path: Path):
    root, listed = small_set(tmp_path)
    layout = {"type": "OpenGaitLayout", "dataset_root": root, "dataset_partition": listed}
    own = layout | {"self_supervised": True}
    chosen = {"type": "ChosenSequences", "of": own} if nested else own
    written = json.dumps({"inherits": "gaitbase/casiab", "data_cfg": chosen})
    (tmp_path / "own.yaml").write_text(written)
    code, output = gait("pack", tmp_path / "own.yaml", tmp_path / "p.npz")
    assert code == 0, output
    file = PackedFile(str(tmp_path / "p.npz"))
    assert file.names[0] == ["001", "002", "003", "004"]
    assert len(file) == 16

"""Data sets of visible-thermal re-identification: layouts, names, and what is wrong with them in words."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.files.cross_spectral_files import llcm_files, regdb_files, sysu_arrays, sysu_files

import gait_plugins
from gait_plugins.api import GaitDataset
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.rle.data.duo import Duo
from gait_plugins.plugins.rle.data.files import as_frame, read_image
from gait_plugins.plugins.rle.data.listed import LLCM, RegDB
from gait_plugins.plugins.rle.data.sysu import SYSUMM01
from gait_plugins.plugins.rle.protocols.cross_spectral import CrossSpectralProtocol
from gait_plugins.registry.manager import default_manager

SMALL = (32, 16)


def counted(dataset: GaitDataset, subset: str) -> Counter:
    return Counter((ref.type, ref.view.partition(":")[0]) for ref in dataset.sequences(subset))  # type: ignore[arg-type]


# --- SYSU-MM01 ----------------------------------------------------------------------------------


def test_sysu_is_read_from_its_folders(tmp_path: Path) -> None:
    dataset = SYSUMM01(sysu_files(tmp_path), SMALL)
    train, test = dataset.sequences("train"), dataset.sequences("test")
    assert {ref.label for ref in train} == {"0001", "0002", "0005"}  # training and validation lists
    assert {ref.label for ref in test} == {"0006", "0010"}
    assert counted(dataset, "test") == {
        **{("visible", f"cam{c}"): 4 for c in (1, 2, 4, 5)},
        **{("thermal", f"cam{c}"): 4 for c in (3, 6)},
    }
    first = next(ref for ref in test if ref.view == "cam3:0002")
    assert first.name == "0006-thermal-cam3:0002"
    frames = dataset.load(first)[0]
    assert frames.shape == (1, 3, *SMALL)
    assert frames.dtype == np.uint8


def test_sysu_takes_training_images_from_arrays_where_they_are(tmp_path: Path) -> None:
    root = sysu_arrays(sysu_files(tmp_path))
    dataset = SYSUMM01(root, SMALL)
    train = dataset.sequences("train")
    assert Counter(ref.type for ref in train) == {"visible": 6, "thermal": 4}
    ref = train[3]
    kept = np.load(Path(root) / "train_rgb_resized_img192.npy")[3]
    np.testing.assert_array_equal(dataset.load(ref)[0], as_frame(kept, SMALL))
    assert {r.label for r in dataset.sequences("test")} == {"0006", "0010"}
    folders = SYSUMM01(root, SMALL, preprocessed=False)
    assert len(folders.sequences("train")) == 3 * 6 * 2


def test_arrays_of_one_modality_are_named(tmp_path: Path) -> None:
    root = sysu_arrays(sysu_files(tmp_path))
    (Path(root) / "train_ir_resized_img192.npy").unlink()
    with pytest.raises(DataError, match=r"train_ir_resized_img192\.npy is missing"):
        SYSUMM01(root, SMALL).sequences("train")
    with pytest.raises(DataError, match="no preprocessed arrays found"):
        SYSUMM01(sysu_files(tmp_path / "other"), SMALL, preprocessed=True).sequences("train")


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("rgb_resized_img192", np.zeros((6, 3, 24, 12), np.uint8), r"expected uint8 \[n, h, w, 3\]"),
        ("rgb_resized_img192", np.zeros((6, 24, 12, 3), np.float32), "found float32"),
        ("rgb_resized_label192", np.arange(5), "a label .* for each of 6 images"),
        ("ir_resized_label192", np.array(list("abcd")), "found <U1"),
        ("ir_resized_label192", np.array([-1, 0, 1, 2]), "found int64"),
        ("ir_resized_label192", np.array([0.5, 0, 1, 2]), "found float64"),
        ("ir_resized_img192", np.array([{}]), "the array cannot be read"),
    ],
)
def test_arrays_of_another_kind_are_named(name: str, array: np.ndarray, words: str, tmp_path: Path) -> None:
    root = sysu_arrays(sysu_files(tmp_path))
    np.save(Path(root) / f"train_{name}.npy", array)
    with pytest.raises(DataError, match=words) as caught:
        SYSUMM01(root, SMALL).sequences("train")
    assert f"train_{name}.npy" in str(caught.value.where)


def test_identities_of_the_lists_without_an_image_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = Path(sysu_files(tmp_path))
    (root / "exp" / "train_id.txt").write_text("1,5,88\n")
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        assert len(SYSUMM01(str(root), SMALL).sequences("train")) == 36
    assert "1 train identities of the lists have no image: 0088" in caplog.text
    findings = SYSUMM01(str(root), SMALL).check(read_frames=False).findings
    assert [finding.examples for finding in findings] == [("0088 (train)",)]
    (root / "exp" / "test_id.txt").write_text("77,78")
    with pytest.raises(DataError, match="no visible images in the test set; 0077, 0078 of the lists have no"):
        SYSUMM01(str(root), SMALL).sequences("test")


def test_a_missing_thermal_folder_is_named(tmp_path: Path) -> None:
    root = Path(sysu_files(tmp_path))
    for camera in ("cam3", "cam6"):
        (root / camera).rename(root / f"not_{camera}")
    with pytest.raises(DataError, match="thermal cameras' folders cam3, cam6 are missing"):
        SYSUMM01(str(root), SMALL).sequences("test")


def test_the_test_list_is_looked_for_before_training(tmp_path: Path) -> None:
    root = Path(sysu_files(tmp_path))
    (root / "exp" / "test_id.txt").unlink()
    with pytest.raises(DataError, match="the list cannot be read") as caught:
        SYSUMM01(str(root), SMALL).sequences("train")
    assert "test_id.txt" in str(caught.value.where)
    (root / "exp" / "test_id.txt").write_text("1,six")
    with pytest.raises(DataError, match="found 'six', expected numbers separated by commas"):
        SYSUMM01(str(root), SMALL).sequences("train")
    (root / "exp" / "test_id.txt").write_text("1,6,10\n")
    with pytest.raises(DataError, match="1 identities are in both the training and the test lists: 0001"):
        SYSUMM01(str(root), SMALL).sequences("train")


# --- RegDB and LLCM -----------------------------------------------------------------------------


def test_regdb_reads_the_lists_of_its_split(tmp_path: Path) -> None:
    root = regdb_files(tmp_path)
    dataset = RegDB(root, split=2, size=SMALL)
    train, test = dataset.sequences("train"), dataset.sequences("test")
    assert len(train) == len(test) == 2 * 2 * 3
    assert {ref.label for ref in train} == {"train0000", "train0001"}  # others than test0000
    assert {ref.label for ref in test} == {"test0000", "test0001"}
    assert {ref.view.partition(":")[0] for ref in test} == {"split02"}
    assert dataset.load(test[0])[0].shape == (1, 3, *SMALL)
    other = {ref.source for ref in RegDB(root, split=1, size=SMALL).sequences("train")}
    assert other != {ref.source for ref in train}


def test_regdb_without_thermal_images_says_how_many_are_missing(tmp_path: Path) -> None:
    root = Path(regdb_files(tmp_path))
    (root / "Thermal").rename(root / "elsewhere")
    with pytest.raises(DataError, match=r"6 of 6 thermal images of test_thermal_1\.txt are missing"):
        RegDB(str(root), size=SMALL).sequences("test")
    (root / "idx" / "test_thermal_1.txt").write_text("Thermal/1/a.bmp\n")
    with pytest.raises(DataError, match=r"line 1 is .*expected a path and an identity"):
        RegDB(str(root), size=SMALL).sequences("test")


@pytest.mark.parametrize("other", ["train_thermal_1", "test_visible_1"])
def test_an_image_in_two_lists_is_named(other: str, tmp_path: Path) -> None:
    root = Path(regdb_files(tmp_path))
    (root / "idx" / f"{other}.txt").write_text((root / "idx" / "train_visible_1.txt").read_text())
    for subset in ("train", "test"):
        with pytest.raises(DataError, match=rf"is listed in train_visible_1\.txt and in {other}\.txt"):
            RegDB(str(root), size=SMALL).sequences(subset)  # type: ignore[arg-type]


def test_llcm_reads_lists_and_test_folders(tmp_path: Path) -> None:
    dataset = LLCM(llcm_files(tmp_path), SMALL)
    assert counted(dataset, "train") == {("visible", "cam1"): 4, ("thermal", "cam2"): 4}
    assert counted(dataset, "test") == {
        **{("visible", f"cam{c}"): 4 for c in (1, 2)},
        **{("thermal", f"cam{c}"): 4 for c in (1, 2)},
    }
    assert {ref.label for ref in dataset.sequences("test")} == {"test0003", "test0011"}


def test_llcm_without_infrared_test_images_says_so(tmp_path: Path) -> None:
    root = Path(llcm_files(tmp_path))
    (root / "test_nir").rename(root / "elsewhere")
    with pytest.raises(
        DataError, match="the folder test_nir of the thermal test images is missing"
    ) as caught:
        LLCM(str(root), SMALL).sequences("test")
    assert "vis, nir, test_vis, test_nir" in str(caught.value.hint)


# --- images -------------------------------------------------------------------------------------


def test_images_of_any_size_and_colour_are_brought_to_one(tmp_path: Path) -> None:
    for shape in ((40, 20, 3), (300, 200, 3), (20, 100), (32, 16, 4)):
        path = str(tmp_path / f"bild-ä-{len(shape)}{shape[0]}.png")
        cv2.imencode(".png", np.full(shape, 200, np.uint8))[1].tofile(path)
        frame = read_image(path, SMALL)
        assert frame.shape == (1, 3, *SMALL)
        assert (frame == 200).all()


def test_colours_are_read_as_red_green_blue(tmp_path: Path) -> None:
    path = str(tmp_path / "a.png")
    cv2.imencode(".png", np.broadcast_to(np.uint8([1, 2, 3]), (32, 16, 3)))[1].tofile(path)  # as BGR
    assert read_image(path, SMALL)[0, :, 0, 0].tolist() == [3, 2, 1]


def test_damaged_images_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    for content, reason in ((b"", "empty"), (b"no image at all", "not an image, or a damaged one")):
        path.write_bytes(content)
        with pytest.raises(DataError, match=reason) as caught:
            read_image(str(path), SMALL)
        assert caught.value.where == str(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_image(str(tmp_path / "b.jpg"), SMALL)


def test_a_check_tells_of_black_images_and_single_modalities(tmp_path: Path) -> None:
    root = Path(sysu_files(tmp_path))
    black = root / "cam1" / "0001" / "0001.png"
    cv2.imwrite(str(black), np.zeros((20, 10, 3), np.uint8))
    (root / "cam1" / "0001" / "0002.png").write_bytes(b"damaged")
    for camera in ("cam3", "cam6"):
        (root / camera / "0005").rename(root / camera / "none")
    report = SYSUMM01(str(root), SMALL).check()
    problems = {finding.problem: finding for finding in report.findings}
    assert problems["images cannot be read"].examples == (str(root / "cam1" / "0001" / "0002.png"),)
    assert problems["images are black"].examples == ("0001-visible-cam1:0001",)
    assert problems["identities have images in one modality only"].examples == ("0005 (train)",)
    assert report.counts["test thermal images"] == 8
    assert len(report.errors) == 1


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        SYSUMM01(str(tmp_path / "none")).sequences("train")
    report = SYSUMM01(str(tmp_path / "none")).check()
    assert len(report.errors) == 1


@pytest.mark.parametrize("cls", [SYSUMM01, RegDB, LLCM])
def test_hints_name_the_data_sets_as_yaml_does(cls: type) -> None:
    assert default_manager().get("dataset", cls.title) is cls  # type: ignore[attr-defined]


def test_impossible_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected height and width"):
        SYSUMM01(str(tmp_path), (384,))
    with pytest.raises(ConfigError, match="split is 11"):
        RegDB(str(tmp_path), 11)
    with pytest.raises(ConfigError, match="train is 0"):
        Duo(train=0)


# --- made-up people -----------------------------------------------------------------------------


def test_the_made_up_people_are_the_same_whatever_is_made_before() -> None:
    refs = Duo().sequences("test")
    forth, back = Duo(), Duo()
    for one, other in zip(refs[:20], reversed(refs[:20]), strict=True):
        forth.load(one)
        back.load(other)
    for ref in refs[:20]:
        np.testing.assert_array_equal(forth.load(ref)[0], back.load(ref)[0])


def test_thermal_images_have_no_colour_and_visible_ones_have() -> None:
    dataset = Duo(train=3, test=1)
    for ref in dataset.sequences("train"):
        image = dataset.load(ref)[0][0].astype(int)
        spread = np.ptp(image, axis=0).mean()
        assert image.shape == (3, 64, 32)
        assert (spread == 0) == (ref.type == "thermal")


def test_what_the_thermal_camera_sees_is_linear_in_colour_by_factors_of_the_material() -> None:
    from gait_plugins.plugins.rle.data.duo_person import person

    people = [person(np.random.default_rng(i)) for i in range(400)]
    colours = np.stack([p.colours[2] for p in people])
    thermal = np.stack([(p.colours * p.response).sum(1)[2] for p in people])
    guess = np.column_stack([colours, np.ones(len(people))])
    fitted = guess @ np.linalg.lstsq(guess, thermal, rcond=None)[0]
    explained = 1 - (thermal - fitted).var() / thermal.var()
    assert explained < 0.5  # no one map from colour to thermal value


def test_train_and_test_people_are_others_and_can_be_scored() -> None:
    dataset = gait_plugins.build("dataset", {"type": "duo", "train": 3, "test": 2})
    train, test = dataset.sequences("train"), dataset.sequences("test")
    assert not {ref.label for ref in train} & {ref.label for ref in test}
    from gait_plugins.api import EmbeddingSet

    columns = [np.array([getattr(ref, name) for ref in test]) for name in ("label", "type", "view")]
    CrossSpectralProtocol().check(EmbeddingSet(np.empty((len(test), 0, 0), np.float32), *columns, "duo"))

"""What users of gait projects stumble on, one test a complaint: here each ends in words that help."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers.components.tiny import TinyModel
from helpers.files.layout_files import partition, person, write
from helpers.files.mask_files import mask, video, walk, write_mask
from typer.testing import CliRunner

from gait_plugins import GaitBatch
from gait_plugins.cli import app
from gait_plugins.prepare import Name, align_masks, write_sequence

SMALL = """\
data_cfg: {dataset_name: mine, dataset_root: walks, dataset_partition: mine.json, num_workers: 0}
model_cfg:
  model: Baseline
  backbone_cfg:
    type: ResNet9
    block: BasicBlock
    channels: [2, 2, 4, 4]
    layers: [1, 1, 1, 1]
    strides: [1, 2, 2, 1]
    maxpool: false
  SeparateFCs: {in_channels: 4, out_channels: 4, parts_num: 2}
  SeparateBNNecks: {class_num: 2, in_channels: 4, parts_num: 2}
  bin_num: [2]
loss_cfg:
  - {type: TripletLoss, log_prefix: triplet}
  - {type: CrossEntropyLoss, log_prefix: softmax}
trainer_cfg:
  save_name: first
  total_iter: 2
  enable_float16: false
  sampler: {type: TripletSampler, batch_size: [2, 2], sample_type: fixed_unordered, frames_num_fixed: 3}
  transform: [{type: BaseSilCuttingTransform}]
evaluator_cfg:
  eval_func: evaluate_own_data
  sampler: {type: InferenceSampler, batch_size: 2, sample_type: all_ordered}
  transform: [{type: BaseSilCuttingTransform}]
"""
PEOPLE = ("ann", "ben", "cem", "dan")
TYPES = ("nm-01", "nm-02")
TRAINED = "output/mine/Baseline/first/checkpoints/first-00002.pt"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with four people's walks, their partition and a small configuration."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(SMALL)
    partition(Path("mine.json"), ["ann", "ben"], ["cem", "dan"])
    lay_out("walks", person(5))
    return tmp_path


@pytest.fixture
def trained(here: Path) -> Path:
    """The same with a training behind it."""
    succeeds("train", "mine.yaml")
    return here


def lay_out(
    root: str,
    frames: np.ndarray,
    people: Iterable[str] = PEOPLE,
    types: Iterable[str] = TYPES,
    files: Iterable[str] = ("000",),
) -> None:
    for label in people:
        for kind in types:
            for name in files:
                write(Path(root, label, kind, "000", f"{name}.pkl"), frames)


def gait(*words: str) -> tuple[int, str]:
    device = ("--device", "cpu") if words[0] in ("train", "test") else ()
    result = CliRunner().invoke(app, [*words, *device])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def succeeds(*words: str) -> str:
    code, output = gait(*words)
    assert code == 0, output
    return output


def refused(*words: str) -> str:
    code, output = gait(*words)
    assert code == 2, output
    assert "  -> " in output, "an error names the next step"
    assert "Traceback" not in output
    return output


def says(output: str, *patterns: str) -> None:
    for pattern in patterns:
        assert re.search(pattern, output), output


# --- 1. sizes and the cut ------------------------------------------------------------------------


def test_a_published_checkpoint_is_far_off_since_cut_data_were_cut_again(trained: Path) -> None:
    lay_out("cut", person(5)[..., 10:54])
    uncut = succeeds("test", "mine.yaml").partition("Figures")[2]
    assert succeeds("test", "mine.yaml", "-o", "data_cfg.dataset_root=cut").partition("Figures")[2] == uncut


def test_a_configuration_without_the_cut_dies_in_an_assert(trained: Path) -> None:
    output = refused("test", "mine.yaml", "-o", "evaluator_cfg.transform=[{type: BaseSilTransform}]")
    says(output, "trained on frames of 64x44, the test frames are 64x64", "change the transforms")


def test_64_or_44_wide_is_not_told(trained: Path) -> None:
    says(succeeds("data", "check", "--root", "walks", "--partition", "mine.json"), r"64x64 \(uncut\)")
    says(succeeds("checkpoint", "show", TRAINED), r"frames +64x44")


def test_given_groups_1_expected_input_to_have_1_channels_but_got_3(trained: Path) -> None:
    lay_out("colour", np.repeat(person(5)[:, None], 3, 1))
    for words in (("test",), ("train", "--overwrite")):
        output = refused(*words, "mine.yaml", "-o", "data_cfg.dataset_root=colour")
        says(output, "the frames have 3 channels, Baseline takes 1", "data_cfg.data_in_use")
    colour = ("-o", "model_cfg.backbone_cfg.in_channel=3", "-o", "output_dir=colours")
    succeeds("train", "mine.yaml", *colour, "-o", "data_cfg.dataset_root=colour")
    says(refused("test", "mine.yaml", *colour), "the frames have 1 channel, Baseline takes 3")


def test_a_single_sequence_of_another_size_stops_a_test_in_the_middle(trained: Path) -> None:
    write(Path("walks/dan/nm-02/000/000.pkl"), person(5, 128, 128))
    output = refused("test", "mine.yaml", "-o", "evaluator_cfg.sampler.batch_size=1")
    says(output, r"trained on frames of 64x44, the test frames are 128x88 \(dan-nm-02-000\)")


def test_a_model_of_64_lines_tested_on_128_loses_50_points_without_a_word(trained: Path) -> None:
    lay_out("big", person(5, 128, 128))
    output = refused("test", "mine.yaml", "-o", "data_cfg.dataset_root=big")
    says(
        output, "trained on frames of 64x44, the test frames are 128x88", "test on frames of the trained size"
    )


# --- 2. preparation and folders ------------------------------------------------------------------


def test_preparation_ends_with_nothing_written_and_no_error(here: Path) -> None:
    walk(Path("raw/ann/nm/000"), frames=1)
    output = refused("data", "prepare", "raw", "out", "--dataset", "GREW")
    says(output, "0 sequences: expected SOURCE/train/{id}/{view}", "ann/nm/000/000.png", "--dataset own")


def test_one_folder_level_too_many_makes_empty_folders(here: Path) -> None:
    walk(Path("raw/CASIA/001/nm-01/000"))
    output = refused("data", "prepare", "raw", "out", "--dataset", "CASIA-B")
    says(output, "one folder level too high: use raw/CASIA")
    assert not list(Path().glob("out/*/*"))


def test_a_path_with_letters_of_ones_language_gives_no_image(here: Path) -> None:
    walk(Path("行走_größe/ann/nm/000"))
    says(succeeds("data", "prepare", "行走_größe", "aus_ü"), "1 sequences of 16 frames written to aus_ü")


def test_a_file_where_a_folder_is_expected_is_a_not_a_directory_error(here: Path) -> None:
    write_mask(Path("raw/ann/nm/000/000.png"), mask())
    Path("raw/readme.txt").write_text("about")
    Path("raw/ann/list.txt").write_text("about")
    walk(Path("raw/ann/nm/000"))
    says(succeeds("data", "prepare", "raw", "out"), "1 sequences of 16 frames")
    Path("walks/readme.txt").write_text("about")
    says(succeeds("train", "mine.yaml"), "train: 4 sequences of 2 identities")


def test_fifteen_people_on_disk_and_the_partition_names_others(here: Path) -> None:
    partition(Path("all.json"), ["ann", "ben", "eve", "fay"], ["cem", "dan"])
    output = succeeds("train", "mine.yaml", "-o", "data_cfg.dataset_partition=all.json")
    says(output, "2 of 4 train identities are not in walks")
    partition(Path("other.json"), ["eve", "fay"], ["gil"])
    output = refused("train", "mine.yaml", "-o", "data_cfg.dataset_partition=other.json", "--overwrite")
    says(output, "expected folders eve, fay, found folders ann, ben, cem", "belong to different data sets")


def test_the_root_is_a_level_too_high_or_too_deep(here: Path) -> None:
    Path("up").mkdir()
    Path("walks").rename("up/walks")
    output = refused("train", "mine.yaml", "-o", "data_cfg.dataset_root=up")
    says(output, "one folder level too high: use -o data_cfg.dataset_root=up/walks")
    output = refused("data", "check", "mine.yaml", "-o", "data_cfg.dataset_root=up/walks/cem")
    says(output, "one folder level too deep")


def test_a_ds_store_is_read_as_a_sequence(here: Path) -> None:
    for place in ("walks", "walks/ann", "walks/ann/nm-01", "walks/ann/nm-01/000"):
        Path(place, ".DS_Store").write_bytes(b"\0")
    output = succeeds("train", "mine.yaml")
    says(output, "hidden files lie among the data; they are skipped", "train: 4 sequences of 2 identities")


# --- 3. from one's own camera --------------------------------------------------------------------


def test_a_video_of_a_person_is_taken_for_silhouettes(here: Path) -> None:
    film = cv2.VideoWriter("me.avi", cv2.VideoWriter.fourcc(*"MJPG"), 25, (160, 120))
    for number in range(8):
        film.write(np.random.default_rng(number).integers(0, 255, (120, 160, 3), np.uint8))
    film.release()
    output = refused("data", "prepare", "me.avi", "out", "--id", "me", "--type", "nm", "--view", "000")
    says(output, "pictures rather than masks", "segment the people first; a mask is white where the person")


def test_is_preparation_what_makes_silhouettes(here: Path) -> None:
    output = succeeds("data", "prepare", "--help")
    says(
        " ".join(output.split()),
        "Each mask shows one person, white on black; making masks from pictures is not part",
    )


def test_a_demo_on_own_masks_writes_empty_files(here: Path) -> None:
    for number in range(8):
        write_mask(Path(f"dark/ann/nm/000/{number:03d}.png"), np.zeros((120, 160), np.uint8))
    output = refused("data", "prepare", "dark", "out")
    says(output, "no sequence could be written: 8 frames hold no person", r"expected masks, white \(255\)")


def test_a_film_of_masks_does_not_say_who_walks(here: Path) -> None:
    video(Path("walk.avi"))
    says(
        refused("data", "prepare", "walk.avi", "out"),
        "no identity, type and view given",
        "--id TEXT --type TEXT",
    )
    known = ("--id", "me", "--type", "nm", "--view", "000")
    says(succeeds("data", "prepare", "walk.avi", "out", *known), "1 sequences of 16 frames")


def test_frames_of_a_webcam_are_to_become_an_embedding(trained: Path) -> None:
    write_sequence("cam", Name("me", "nm", "000"), align_masks([mask(number) for number in range(8)]))
    output = succeeds("embed", "mine.yaml", "cam/me/nm/000", "-O", "me.npz", "--checkpoint", TRAINED)
    says(output, "me.npz")
    with np.load("me.npz") as found:
        assert found["embeddings"].shape == (1, 4, 2)


# --- 4. own data ---------------------------------------------------------------------------------


def test_own_data_need_an_edit_of_the_evaluation(trained: Path) -> None:
    output = refused("test", "mine.yaml", "-o", "evaluator_cfg.eval_func=evaluate_indoor_dataset")
    says(output, "no probe and gallery rule for data set 'mine'", "give your own evaluator_cfg.probe_types")
    own = ("-o", "evaluator_cfg.probe_types=[nm-02]", "-o", "evaluator_cfg.gallery_types=[nm-01]")
    says(succeeds("test", "mine.yaml", *own), "2 probes, 2 gallery sequences, 0 probes without a match")


def test_a_test_of_one_person_crashes(trained: Path) -> None:
    partition(Path("one.json"), ["ann", "ben"], ["cem"])
    output = succeeds("test", "mine.yaml", "-o", "data_cfg.dataset_partition=one.json")
    says(output, "the set has one identity: at least two are needed", "its probes always match")


def test_fewer_people_than_a_batch_takes_is_a_sample_larger_than_population(here: Path) -> None:
    output = refused("train", "mine.yaml", "-o", "trainer_cfg.sampler.batch_size=[8, 2]")
    says(output, "a batch needs 8 identities, but the training set has 2", r"-> .*batch_size=\[2,2\]")


def test_nobody_says_that_test_identities_are_unseen_ones(trained: Path) -> None:
    output = refused("data", "partition", "walks", "-O", "new.json", "--train", "ann", "--test", "ann")
    says(output, "ann would be in both sets: test identities must not be trained on")
    partition(Path("seen.json"), ["ann", "ben"], ["ann", "ben"])
    output = succeeds("test", "mine.yaml", "-o", "data_cfg.dataset_partition=seen.json")
    says(
        output,
        r"2 of 2 test identities \(ann, ben\) are in TRAIN_SET too: test identities should not be trained on",
    )


def test_without_labels_of_cameras_no_query_is_valid(trained: Path) -> None:
    output = refused("test", "mine.yaml", "-o", "evaluator_cfg.identical_views=false")
    says(output, "none of the 4 probes of mine", "identical_views")


def test_a_person_without_a_second_sequence_counts_as_found(trained: Path) -> None:
    lay_out("lonely", person(5), types=("nm-01",))
    lay_out("lonely", person(5), people=("cem",), types=("nm-02",))
    output = succeeds("test", "mine.yaml", "-o", "data_cfg.dataset_root=lonely")
    says(output, "2 probes, 3 gallery sequences, 1 probes without a match", "gallery holds no match: 1")
    lay_out("single", person(5), types=("nm-01",))
    output = refused("test", "mine.yaml", "-o", "data_cfg.dataset_root=single")
    says(output, "none of the 2 probes of mine has its identity in the gallery", "data check counts them")


# --- 10. checkpoints -----------------------------------------------------------------------------


def test_weights_for_another_number_of_people_are_a_size_mismatch(trained: Path) -> None:
    other = ("-o", "model_cfg.SeparateBNNecks.class_num=74")
    output = refused("test", "mine.yaml", *other)
    says(output, r"1 of another shape: BNNecks.fc_bin \(file \[2, 4, 2\], model \[2, 4, 74\]\)")
    says(output, "set the model's class_num to 2, or train with --init-from FILE --drop-head")
    start = ("--init-from", TRAINED, "-o", "trainer_cfg.save_name=other")
    says(refused("train", "mine.yaml", *other, *start), "--drop-head")
    output = succeeds("train", "mine.yaml", *other, *start, "--drop-head")
    says(
        output, "the head for 2 identities is dropped, the head for 74 identities starts anew: BNNecks.fc_bin"
    )


def test_on_what_data_was_this_trained(trained: Path) -> None:
    output = succeeds("checkpoint", "show", TRAINED)
    says(output, "data set +mine", "model +Baseline", "iteration +2", "identities +2", "seed +0")


def test_weights_of_another_model_are_a_wall_of_keys(trained: Path) -> None:
    output = refused("checkpoint", "show", TRAINED, "--config", "gaitset/casiab")
    says(output, "into GaitSet of gaitset/casiab: 0 of 11 weights fit", r"11 missing in the file: set_block1")
    says(output, r"\d+ unknown to the model: Backbone", "the file is of another model")
    assert max(map(len, output.splitlines())) < 300


def test_skeletons_go_into_a_model_of_silhouettes(here: Path) -> None:
    lay_out("skeletons", np.random.default_rng(0).random((5, 17, 3), np.float32))
    output = refused("train", "mine.yaml", "-o", "data_cfg.dataset_root=skeletons")
    says(output, "Baseline: frames of 17x3 do not fit", "key points of a skeleton", "takes silhouettes")


# --- 11. going on and fine-tuning ----------------------------------------------------------------


def test_how_do_i_go_on_training(trained: Path) -> None:
    output = refused("train", "mine.yaml")
    says(output, "already holds checkpoints up to iteration 2", "continue with --resume, start again with")
    output = succeeds("train", "mine.yaml", "--resume", "-o", "trainer_cfg.total_iter=3")
    says(output, "resumed from .*first-00002.pt: 2 of 3 steps are done", "step 3 is saved: .*first-00003.pt")


def test_how_do_i_fine_tune(trained: Path) -> None:
    output = succeeds("train", "mine.yaml", "--init-from", TRAINED, "-o", "trainer_cfg.save_name=tuned")
    says(output, "weights of .*first-00002.pt loaded", "step 2 is saved: .*tuned-00002.pt")
    assert "resumed" not in output
    code, output = gait("train", "mine.yaml", "--resume", "--init-from", TRAINED)
    assert code == 2
    says(output, "--resume and --init-from exclude each other: --resume continues, --init-from starts again")


def test_another_iteration_was_tested_than_the_last_one(trained: Path) -> None:
    output = refused("test", "mine.yaml", "--iter", "3")
    says(output, "first-00003.pt: there is no such checkpoint", "the folder holds first-00002.pt")


# --- 12. configurations --------------------------------------------------------------------------


def test_types_of_input_and_transforms_should_be_the_same_but_got_2_and_1(here: Path) -> None:
    lay_out("two", person(5), files=("0_silhouettes", "1_parsing"))
    output = refused("train", "mine.yaml", "-o", "data_cfg.dataset_root=two")
    says(output, "has 2 input sources, but the configuration lists 1 transforms", "data_cfg.data_in_use")
    succeeds(
        "train", "mine.yaml", "-o", "data_cfg.dataset_root=two", "-o", "data_cfg.data_in_use=[true, false]"
    )


def test_a_training_configuration_still_holds_the_restore_hint_of_another(here: Path) -> None:
    output = refused("train", "mine.yaml", "-o", "trainer_cfg.restore_hint=180000")
    says(output, "first-180000.pt: there is no such checkpoint")
    says(output, "to train from the beginning, set trainer_cfg.restore_hint to 0")


def test_a_key_error_instead_of_the_name_of_the_loss(here: Path) -> None:
    output = refused("train", "mine.yaml", "-o", "loss_cfg.0.log_prefix=tripplet")
    says(output, r"has features for \['softmax', 'triplet'\].*has the log_prefix \['softmax', 'tripplet'\]")


def test_a_model_without_embeddings_is_a_key_error_of_the_evaluation(
    tiny: object, tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeeds("train", str(tiny_yaml))
    forward = TinyModel.forward

    def misnamed(model: TinyModel, batch: GaitBatch) -> Any:
        output = forward(model, batch)
        return {**output, "inference_feat": {"embedding": output["inference_feat"]["embeddings"]}}

    monkeypatch.setattr(TinyModel, "forward", misnamed)
    code, output = gait("test", str(tiny_yaml))
    assert code == 2
    says(output, r"TinyModel returns \['embedding'\] in inference_feat, but 'embeddings' is needed")


def test_a_misspelt_key_changes_nothing_and_nobody_says_so(here: Path) -> None:
    output = refused("config", "check", "mine.yaml", "-o", "trainer_cfg.sampler.frames_num_fixd=3")
    says(output, "has no option 'frames_num_fixd'", "did you mean 'frames_num_fixed'")
    says(succeeds("config", "explain", "TripletSampler"), "batch_size")
    says(succeeds("config", "check", "mine.yaml"), "mine.yaml is accepted")

"""Augmentations of maps equal the recorded ones by their draws; several streams move by one draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from helpers.golden_poses import POSE_FREQUENCIES, maps
from helpers.golden_rules import golden, sil

import gait_plugins
from gait_plugins.api import SILHOUETTES, Stream, Transform
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.data.streams import SIDES, Maps, Parsing, SkeletonMaps
from gait_plugins.plugins.zoo.transforms.augment import RandomHorizontalFlip
from gait_plugins.plugins.zoo.transforms.compose import Compose
from gait_plugins.plugins.zoo.transforms.joint_pictures import JointPictures
from gait_plugins.plugins.zoo.transforms.silhouette import BaseSilCuttingTransform, BaseSilTransform
from gait_plugins.plugins.zoo.transforms.warp import RandomAffine, RandomPerspective, RandomRotate
from gait_plugins.testing import check_joint_transform, check_transform

FLOW = Maps(3).changed(name="flow")
X2, X3, X5 = maps(1, 2, 2, 64, 64)[0], maps(1, 1, 3, 64, 44)[0], maps(1, 1, 5, 64, 64)[0]


class RecordedDraws:
    """Hands out the draws of a recorded call: numbers (kind 10), and places in lists (kind 11)."""

    def __init__(self, case: str, call: int = 0) -> None:
        arrays = golden("pose/maps_aug")
        own = slice(*arrays[f"{case}_draw_offset"][call : call + 2])
        self.left = list(
            zip(arrays[f"{case}_draw_kind"][own], arrays[f"{case}_draw_value"][own], strict=True)
        )
        self.corners: list[int] = []

    def random(self) -> float:
        return self._next(10)

    def uniform(self, low: float, high: float) -> float:
        return self._next(10)

    def integers(self, low: int, high: int | None = None) -> int:
        # The published order is left and right above, then left and right below; ours both left ones first.
        if not self.corners:
            left, right, below, right_below = (int(self._next(11)) for _ in range(4))
            self.corners = [left, below, right, right_below]
        return (0 if high is None else low) + self.corners.pop(0)

    def _next(self, kind: int) -> float:
        found, value = self.left.pop(0)
        assert found == kind
        return float(value)


def applied(transforms: Sequence[Transform], frames: np.ndarray, case: str, call: int = 0) -> np.ndarray:
    draws = RecordedDraws(case, call)
    for transform in transforms:
        frames = transform(frames, draws)  # type: ignore[arg-type]
    assert not draws.left
    return frames


def published(prob: float) -> list[Transform]:
    return [
        RandomPerspective(prob),
        BaseSilCuttingTransform(),
        RandomHorizontalFlip(prob),
        RandomRotate(prob),
    ]


# --- recorded draws -----------------------------------------------------------------------------


@pytest.mark.parametrize(("case", "frames"), [("2x64x64", X2), ("3x64x44", X3), ("5x64x64", X5)])
def test_a_perspective_is_the_recorded_one_to_a_grey_level(case: str, frames: np.ndarray) -> None:
    found = applied([RandomPerspective(1)], frames, f"perspective_{case}")
    expected = golden("pose/maps_aug")[f"perspective_{case}_out"][0]
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_rotation_is_the_recorded_one_about_the_published_point() -> None:
    frames = X2[:1, :, :, 10:-10]
    expected = golden("pose/maps_aug")["rotate_2x64x44_out"][0]
    found = applied([RandomRotate(1)], frames.astype(np.float32) / 255, "rotate_2x64x44")
    np.testing.assert_allclose(found, expected, atol=1e-6)
    rounded = applied([RandomRotate(1)], frames, "rotate_2x64x44")
    assert np.abs(rounded - 255 * expected).max() < 0.51
    centred = applied([RandomRotate(1, about_centre=True)], frames, "rotate_2x64x44")
    assert np.abs(centred - 255 * expected).max() > 50


@pytest.mark.parametrize(
    ("case", "call", "prob"), [("chain_skeletongait", 0, 1), ("chain_half", 0, 0.5), ("chain_half", 1, 0.5)]
)
def test_skeletongaits_chain_is_the_recorded_one_but_for_rounding(case: str, call: int, prob: float) -> None:
    found = applied(published(prob), X2[:1], case, call)
    assert found.dtype == np.uint8
    assert np.abs(found - 255 * golden("pose/maps_aug")[f"{case}_out"][call]).max() < 0.51


@pytest.mark.parametrize("width", [44, 64])
def test_maps_and_silhouettes_are_joined_as_recorded(width: int) -> None:
    seen = (255 * sil(1, 2, 64, width, *POSE_FREQUENCIES)[0].numpy()).astype(np.uint8)
    found = JointPictures([])({"skeleton_maps": X2, "silhouettes": seen}, np.random.default_rng(0))
    joined = np.concatenate([found["skeleton_maps"], found["silhouettes"][:, None]], 1)
    np.testing.assert_array_equal(joined, golden("pose/maps_aug")[f"pp_join_64x{width}"])


def test_a_joint_chain_moves_each_stream_as_the_recorded_chain_does() -> None:
    # As published, the chain of the joined frames is that of the maps and of the silhouettes alone.
    clips = {"skeleton_maps": X2[:1], "silhouettes": X2[:1, 0]}
    draws = RecordedDraws("chain_skeletongait")
    found = JointPictures(published(1))(clips, draws)  # type: ignore[arg-type]
    assert not draws.left
    expected = 255 * golden("pose/maps_aug")["chain_skeletongait_out"][0]
    assert np.abs(found["skeleton_maps"] - expected).max() < 0.51
    assert np.abs(found["silhouettes"] - expected[:, 0]).max() < 0.51


# --- channels -----------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [RandomPerspective, RandomRotate, RandomAffine, RandomHorizontalFlip])
@pytest.mark.parametrize("channels", [1, 5, 20])
def test_any_number_of_channels_is_moved_as_each_alone(transform: type[Transform], channels: int) -> None:
    frames = maps(1, 3, channels, 64, 64)[0]
    acts = transform(prob=1)  # type: ignore[call-arg]
    found = acts(frames, np.random.default_rng(2))
    assert found.shape == frames.shape
    for channel in range(channels):
        np.testing.assert_array_equal(found[:, channel], acts(frames[:, channel], np.random.default_rng(2)))


def test_a_mirrored_flow_goes_the_other_way_and_the_background_stays() -> None:
    flow = np.zeros((2, 3, 4, 4), np.uint8)
    flow[:, 0, :, :2], flow[:, 0, :, 2] = 200, 128
    mirror = RandomHorizontalFlip(1, rightward=[0])
    found = mirror(flow, np.random.default_rng(0))
    assert found[0, 0, 0].tolist() == [0, 128, 56, 56]
    np.testing.assert_array_equal(mirror(found, np.random.default_rng(0)), flow)
    signed = mirror(np.float32([[[[0, 0.5, -0.25]]]]), np.random.default_rng(0))
    assert signed.ravel().tolist() == [0.25, -0.5, 0]
    plain = RandomHorizontalFlip(1)(flow, np.random.default_rng(0))
    np.testing.assert_array_equal(plain, flow[..., ::-1])
    with pytest.raises(DataError, match="have no channel 0"):
        mirror(flow[:, 0], np.random.default_rng(0))


def test_a_mirrored_left_arm_is_a_right_one() -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(1, 1, 12)
    found = RandomHorizontalFlip(1, sides=SIDES)(labels, np.random.default_rng(0))
    assert found[0, 0, ::-1].tolist() == [0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 11]
    with pytest.raises(ConfigError, match="expected pairs of labels"):
        RandomHorizontalFlip(1, sides=[[3]])


@pytest.mark.parametrize("transform", [RandomPerspective, RandomRotate, RandomAffine])
def test_labels_are_moved_whole(transform: type[Transform]) -> None:
    labels = np.where(np.arange(64) < 30, 2, 11).astype(np.uint8) * np.ones((1, 64, 1), np.uint8)
    found = transform(prob=1, labels=True)(labels, np.random.default_rng(1))  # type: ignore[call-arg]
    assert set(np.unique(found)) <= {0, 2, 11}
    assert not np.array_equal(found, labels)


# --- what is said before a frame is read ----------------------------------------------------------


def test_a_flow_is_not_mirrored_without_a_word_on_its_direction() -> None:
    chain = Compose([RandomPerspective(), BaseSilCuttingTransform(), RandomHorizontalFlip()])
    with pytest.raises(ConfigError, match="a mirrored flow must change the sign"):
        chain.becomes(FLOW)
    assert Compose([RandomHorizontalFlip(rightward=[])]).becomes(FLOW) is FLOW
    assert chain.becomes(SkeletonMaps()) == SkeletonMaps()


def test_sizes_are_told_where_they_are_known() -> None:
    sized = FLOW.changed(shape=(3, 64, 64))
    assert BaseSilCuttingTransform().becomes(sized).shape == (3, 64, 44)  # type: ignore[union-attr]
    assert BaseSilCuttingTransform().becomes(sized.changed(shape=(3, 64, 44))).shape == (3, 64, 44)  # type: ignore[union-attr]
    assert BaseSilTransform(img_shape=[1, 64, 64]).becomes(sized).shape == (1, 64, 64)  # type: ignore[union-attr]
    check_transform(BaseSilCuttingTransform(), stream=sized)


@pytest.mark.parametrize("transform", [BaseSilTransform, BaseSilCuttingTransform])
def test_labels_divided_as_grey_values_are_refused(transform: type[BaseSilTransform]) -> None:
    with pytest.raises(ConfigError, match="'parsing' has values up to 11, and is divided by 255"):
        transform().becomes(Parsing())
    assert transform(divsor=11).becomes(Parsing()) == Parsing()


# --- several streams ------------------------------------------------------------------------------


def four(**options: object) -> JointPictures:
    names = ("silhouettes", "parsing", "flow", "skeleton_maps")
    return JointPictures(published(1), streams=names, **options)  # type: ignore[arg-type]


def clips_of(width: int = 64) -> dict[str, np.ndarray]:
    seen = (sil(1, 3, 64, width)[0].numpy() * 255).astype(np.uint8)
    labels = np.broadcast_to((np.arange(64) % 12).astype(np.uint8), (3, 64, 64))
    return {
        "silhouettes": seen,
        "parsing": labels,
        "flow": maps(1, 3, 3, 64, 64)[0],
        "skeleton_maps": X2[[0, 1, 0]],
    }


def test_the_contract_of_joint_transforms_is_kept_by_pictures_of_every_kind() -> None:
    check_joint_transform(four())
    check_joint_transform(four(published_flip=True))


def test_each_stream_moves_by_the_draws_of_the_first() -> None:
    clips, seed = clips_of(), 5
    found = four()(clips, np.random.default_rng(seed))
    alone = {
        "silhouettes": published(1),
        "skeleton_maps": published(1),
        "parsing": [
            RandomPerspective(1, labels=True),
            BaseSilCuttingTransform(),
            RandomHorizontalFlip(1, sides=SIDES),
            RandomRotate(1, labels=True),
        ],
        "flow": [
            RandomPerspective(1),
            BaseSilCuttingTransform(),
            RandomHorizontalFlip(1, rightward=[0]),
            RandomRotate(1),
        ],
    }
    for name, chain in alone.items():
        expected = Compose(chain)(clips[name], np.random.default_rng(seed))
        np.testing.assert_array_equal(found[name], expected, err_msg=name)
    assert set(np.unique(found["parsing"])) <= set(range(12))


def test_the_generator_goes_on_behind_the_draws() -> None:
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    four()(clips_of(), one)
    Compose(published(1))(clips_of()["silhouettes"], other)
    assert one.random() == other.random()


def test_streams_are_cut_to_the_width_of_the_narrowest() -> None:
    found = JointPictures([], streams=("silhouettes", "flow"))(clips_of(44), np.random.default_rng(0))
    np.testing.assert_array_equal(found["flow"], clips_of()["flow"][..., 10:-10])
    np.testing.assert_array_equal(found["silhouettes"], clips_of(44)["silhouettes"])


def test_each_stream_comes_in_the_same_range() -> None:
    assert four().divisors == {"silhouettes": 255, "parsing": 11, "flow": 255, "skeleton_maps": 255}
    assert JointPictures([RandomRotate()], streams=["parsing"], labels={"parsing": 255}).divisors == {
        "parsing": 1
    }


def test_the_published_mirror_changes_pixels_alone() -> None:
    clips = clips_of()
    mirror = JointPictures([RandomHorizontalFlip(1)], streams=tuple(clips), published_flip=True)
    found = mirror(clips, np.random.default_rng(0))
    for name, frames in clips.items():
        np.testing.assert_array_equal(found[name], frames[..., ::-1])


def test_sizes_of_several_streams_are_told_where_all_are_known() -> None:
    sized = {s.name: s.changed(shape=(*s.shape[:-2], 64, 64)) for s in (SILHOUETTES, SkeletonMaps())}
    both = JointPictures(published(0.5))
    assert [s.shape for s in both.becomes(sized).values()] == [(2, 64, 44), (64, 44)]
    narrow = {**sized, "silhouettes": SILHOUETTES.changed(shape=(64, 44))}
    assert both.becomes(narrow)["skeleton_maps"].shape == (2, 64, 44)
    assert both.becomes({**sized, "silhouettes": SILHOUETTES})["skeleton_maps"].shape == (2, "h", "w")
    with pytest.raises(ConfigError, match=r"frames \[17, 3, 1, 1\], expected pictures"):
        both.becomes({**sized, "silhouettes": Stream("silhouettes", (17, 3, 1, 1))})


def test_chains_within_chains_are_suited_to_each_stream_and_left_as_they_are() -> None:
    flip = RandomHorizontalFlip(1)
    joint = JointPictures([Compose([flip])], streams=("silhouettes", "flow"))
    clips = clips_of()
    found = joint(clips, np.random.default_rng(0))
    expected = RandomHorizontalFlip(1, rightward=[0])(clips["flow"], np.random.default_rng(0))
    np.testing.assert_array_equal(found["flow"], expected)
    assert flip.rightward is None


@pytest.mark.parametrize("streams", [[], ["silhouettes", "silhouettes"]])
def test_streams_that_are_none_or_named_twice_are_refused(streams: list[str]) -> None:
    with pytest.raises(ConfigError, match="expected names that differ"):
        gait_plugins.build("joint_transform", {"type": "JointPictures", "trf_cfg": [], "streams": streams})


def test_in_a_test_joint_pictures_have_the_transforms_of_a_test():
    class Random(RandomRotate):
        def at_test(self) -> Transform:
            return BaseSilTransform()

    at_test = JointPictures([Random()]).at_test()
    assert isinstance(at_test, JointPictures)
    assert {type(chain[0]) for chain in at_test.chains.values()} == {BaseSilTransform}

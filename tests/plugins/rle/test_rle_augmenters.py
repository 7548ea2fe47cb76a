"""RLE's augmenters: published numbers, draws, and every form of image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from helpers.places import GOLDEN
from hypothesis import given, settings
from hypothesis import strategies as st

from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.rle.augment.augmenter import Augmenter
from gait_plugins.plugins.rle.augment.erasing import RandomErasingRGB
from gait_plugins.plugins.rle.augment.framing import RandomGrayscale, RandomPadCrop
from gait_plugins.plugins.rle.augment.moderate import ModerateRLE
from gait_plugins.plugins.rle.augment.normalize import MEAN, STD, ImageNetNormalize, normalized
from gait_plugins.plugins.rle.augment.radical import Patch, RadicalRLE, light_left
from gait_plugins.plugins.rle.augment.rectangles import Rectangle

GOLDEN = np.load(GOLDEN / "rle.npz")
ALWAYS: list[Augmenter] = [
    ModerateRLE(1),
    RadicalRLE(1),
    RandomErasingRGB(1),
    RandomGrayscale(1),
    RandomPadCrop(3),
]
each = pytest.mark.parametrize("augmenter", ALWAYS, ids=lambda a: type(a).__name__)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    return rng(seed).integers(0, 256, shape, dtype=np.uint8)


def given_image(call: int, channels: int = 3) -> torch.Tensor:
    return torch.from_numpy(GOLDEN["img"][call % 5][None, :channels].copy())


def published_patches(case: str, call: int, channels: int) -> list[Patch]:
    start, end = GOLDEN[f"{case}_rect_offset"][call : call + 2]
    rows = GOLDEN[f"{case}_rects"][start:end]
    return [(Rectangle(*(int(v) for v in row[:4])), row[4 : 4 + channels]) for row in rows]


# --- published numbers, given the same draws ----------------------------------------------------


@pytest.mark.parametrize("case", ["moderate", "moderate_b0.3"])
def test_moderate_gives_the_published_images(case: str) -> None:
    offsets = GOLDEN[f"{case}_draw_offset"]
    for call, expected in enumerate(GOLDEN[f"{case}_out"]):
        betas = GOLDEN[f"{case}_draw_value"][offsets[call] : offsets[call + 1]][1:]
        frames = given_image(call)
        ModerateRLE.apply(frames, betas / betas.sum())
        np.testing.assert_allclose(frames[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("case", "min_out", "channels"),
    [("radical_train", 0.1, 3), ("radical_default", 1e-6, 3), ("radical_gray", None, 1)],
)
def test_radical_gives_the_published_images(case: str, min_out: float | None, channels: int) -> None:
    for call, expected in enumerate(GOLDEN[f"{case}_out"]):
        patches = published_patches(case, call, channels)
        frames = given_image(call, channels)
        augmenter = RadicalRLE(1, min_out=0.1 if min_out is None else min_out)
        used = augmenter.apply(frames, iter(patches))
        assert used == len(patches)
        np.testing.assert_allclose(frames[0], expected, atol=2e-6)


def test_radical_ends_where_the_published_one_does() -> None:
    augmenter = RadicalRLE(1)
    for call in range(20):
        patches = published_patches("radical_train", call, 3)
        more = [(Rectangle(0, 0, 9, 9), np.full(3, 0.5))]
        assert augmenter.apply(given_image(call), patches + more) == len(patches)


def test_erasing_gives_the_published_images() -> None:
    for call, expected in enumerate(GOLDEN["erasing_out"]):
        frames = given_image(call)
        RandomErasingRGB().apply(frames, Rectangle(*(int(v) for v in GOLDEN["erasing_rects"][call][:4])))
        np.testing.assert_allclose(frames[0], expected, atol=1e-7)


# --- the draws ----------------------------------------------------------------------------------


def test_weights_of_moderate_are_normalised_betas() -> None:
    augmenter, b = ModerateRLE(beta_factor=0.3), 0.3
    found = np.stack([augmenter.draw_weights(3, rng(i)) for i in range(4000)])
    betas = np.stack([rng(i).beta(b, b, 3) for i in range(4000)])
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_allclose(found, betas / betas.sum(1, keepdims=True))
    np.testing.assert_allclose(found.mean(0), 1 / 3, atol=0.02)


def test_weights_of_moderate_survive_draws_that_underflow() -> None:
    found = np.stack([ModerateRLE(beta_factor=1e-3).draw_weights(3, rng(i)) for i in range(300)])
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(1), 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_of_radical_follows_its_beta_distribution(channels: int) -> None:
    augmenter = RadicalRLE(beta_factor=0.4)
    drawn = [p for i in range(60) for p in augmenter.draw_patches(channels, 96, 48, rng(i))]
    for values in np.stack([brightness for _, brightness in drawn]).T:
        assert abs(values.mean() - 0.5) < 0.015
        assert abs(values.var() - 1 / (4 * (2 * 0.4 + 1))) < 0.006
        assert abs(np.mean(values < 0.1) - 0.2397) < 0.02  # the regularised incomplete beta function


def far_from_uniform(values: np.ndarray, low: float, high: float) -> float:
    """Kolmogorov and Smirnov's distance; 0.022 is exceeded once in 20 times by 4000 uniform values."""
    expected = (np.sort(values) - low) / (high - low)
    return float(np.abs(expected - (np.arange(len(values)) + 0.5) / len(values)).max())


def test_rectangles_keep_area_aspect_and_place_in_their_ranges() -> None:
    height, width = 960, 600
    rule = RandomErasingRGB(sl=0.05, sh=0.2, r1=0.4).rule
    drawn = [rule.draw(height, width, rng(i)) for i in range(4000)]
    sizes = np.array(drawn, float)  # all of them fit
    share = sizes[:, 2] * sizes[:, 3] / (height * width)
    ratio = sizes[:, 2] / sizes[:, 3]
    free_rows, free_columns = height - sizes[:, 2] + 1, width - sizes[:, 3] + 1
    for values, low, high in (
        (share, 0.05, 0.2),
        (ratio, 0.4, 2.5),
        ((sizes[:, 0] + 0.5) / free_rows, 0, 1),
        ((sizes[:, 1] + 0.5) / free_columns, 0, 1),
    ):
        assert far_from_uniform(values, low, high) < 0.03
        assert values.min() > low - 0.01
        assert values.max() < high + 0.01


def test_rectangles_that_do_not_fit_are_not_taken() -> None:
    rule = RandomErasingRGB(sl=0.9, sh=1, r1=1).rule
    drawn = [rule.draw(20, 10, rng(i)) for i in range(50)]  # 13 to 14 pixels wide
    assert drawn == [None] * 50


def test_augmenters_act_with_their_probability() -> None:
    image = picture(3, 24, 16)
    acts = [not np.array_equal(ModerateRLE(0.3).image(image, rng(i)), image) for i in range(1500)]
    assert abs(np.mean(acts) - 0.3) < 0.04


# --- the rule that ends radical -----------------------------------------------------------------


def whole(value: float) -> Patch:
    return Rectangle(0, 0, 8, 8), np.full(3, value)


def test_radical_ends_once_some_pixel_has_lost_its_light() -> None:
    frames = torch.ones(1, 3, 8, 8)
    patches = [whole(0.5), whole(0.9), (Rectangle(0, 0, 2, 2), np.array([0.9, 0.05, 0.9])), whole(0.5)]
    assert RadicalRLE(min_out=0.1).apply(frames, patches) == 3


def test_brightening_gives_no_light_back() -> None:
    # 0.5 of the light, then up to full brightness by a scale of 2, then 0.15: the light is 0.075.
    for again in (whole(1.0), (Rectangle(0, 0, 8, 8), np.array([1.0, 0.45, 0.45]))):
        patches = [whole(0.5), again, (Rectangle(0, 0, 8, 8), np.array([0.15, 1, 1])), whole(0.5)]
        assert RadicalRLE(min_out=0.1).apply(torch.ones(1, 3, 8, 8), patches) == 3


def test_the_light_left_is_that_of_a_whole_picture_of_it() -> None:
    for seed in range(40):
        generator = rng(seed)
        drawn = list(RadicalRLE(beta_factor=0.8).draw_patches(3, 30, 20, generator))[:6]
        light = np.ones((3, 30, 20))
        for count, (rectangle, share) in enumerate(drawn, 1):
            part = rectangle.of(light)
            part *= share[:, None, None]
            assert light_left(drawn[:count]) == pytest.approx(part.min(), rel=1e-4, abs=1e-9)


def test_radical_tries_no_more_than_a_hundred_rectangles() -> None:
    drawn = list(RadicalRLE(min_out=0, sl=0.05, sh=0.05, r1=1).draw_patches(3, 40, 40, rng()))
    assert len(drawn) == 100


@each
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_black_images_stay_finite(augmenter: Augmenter, dtype: torch.dtype) -> None:
    found = augmenter.batch(torch.zeros(4, 3, 24, 16, dtype=dtype), rng())
    assert found.float().isfinite().all()
    if not isinstance(augmenter, RandomErasingRGB):
        assert not found.any()


# --- forms --------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_one_draw_serves_all_frames(augmenter: Augmenter, channels: int | None) -> None:
    frame = picture(*(() if channels is None else (channels,)), 24, 16)
    found = augmenter(np.stack([frame] * 4), rng(3))
    assert (found == found[:1]).all()
    np.testing.assert_array_equal(found[0], augmenter.image(frame, rng(3)))


def test_frames_are_drawn_apart_where_asked() -> None:
    frame = picture(3, 24, 16)
    for augmenter in (ModerateRLE(1, per_frame=True), RadicalRLE(1, per_frame=True)):
        found = augmenter(np.stack([frame] * 4), rng(3))
        assert len(np.unique(found.reshape(4, -1), axis=0)) == 4


@each
def test_a_batch_is_its_images_one_by_one(augmenter: Augmenter) -> None:
    images = picture(5, 3, 24, 16)
    together = augmenter.batch(torch.from_numpy(images), rng(1))
    generator = rng(1)
    generator.random(len(images))  # whether to act is drawn for all images first
    for image, found in zip(images, together, strict=True):
        alone = torch.from_numpy(image.copy())[None]
        augmenter.augment(alone, generator)
        assert torch.equal(alone[0], found)


@each
def test_a_batch_of_sequences_has_one_draw_for_each(augmenter: Augmenter) -> None:
    images = torch.from_numpy(picture(3, 3, 24, 16))
    sequences = images.unsqueeze(1).expand(-1, 4, -1, -1, -1)
    found = augmenter.batch(sequences, rng(1))
    expected = augmenter.batch(images, rng(1))
    assert torch.equal(found, expected.unsqueeze(1).expand_as(found))


@each
def test_arrays_and_tensors_get_the_same(augmenter: Augmenter) -> None:
    images = picture(4, 3, 24, 16)
    kept = images.copy()
    tensor = augmenter.batch(torch.from_numpy(images), rng())
    array = augmenter.batch(images, rng())
    np.testing.assert_array_equal(tensor.numpy(), array)
    np.testing.assert_array_equal(images, kept)
    inplace = torch.from_numpy(kept)
    assert augmenter.batch(inplace, rng(), inplace=True) is inplace
    assert torch.equal(inplace, tensor)


@each
def test_images_that_are_spread_in_memory_are_changed_in_place(augmenter: Augmenter) -> None:
    spread = torch.from_numpy(picture(4, 24, 3, 32)).transpose(1, 2)[..., ::2]
    expected = augmenter.batch(spread.contiguous(), rng())
    assert augmenter.batch(spread, rng(), inplace=True) is spread
    assert torch.equal(spread, expected)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), channels=st.sampled_from([1, 3]))
def test_uint8_is_the_rounded_float(seed: int, channels: int) -> None:
    image = picture(channels, 24, 16, seed=seed)
    for augmenter in ALWAYS:
        exact = augmenter.image(image.astype(np.float32) / 255, rng(seed))
        found = augmenter.image(image, rng(seed))
        assert found.dtype == np.uint8
        assert exact.dtype == np.float32
        np.testing.assert_allclose(found, exact * 255, atol=0.502)
        assert exact.min() >= 0
        assert exact.max() <= 1 + 1e-6


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_other_floats_are_kept(dtype: torch.dtype) -> None:
    images = torch.from_numpy(picture(2, 3, 24, 16)).to(dtype) / 255
    for augmenter in ALWAYS:
        found = augmenter.batch(images, rng())
        assert found.dtype == dtype
        assert found.isfinite().all()


def test_gradients_pass_through_the_augmenters() -> None:
    images = (torch.from_numpy(picture(4, 3, 24, 16)).double() / 255).requires_grad_()
    for augmenter in ALWAYS:
        found = augmenter.batch(images, rng())
        assert torch.equal(found, augmenter.batch(images.detach(), rng()))
        found.sum().backward()
    assert images.grad is not None
    assert not (images.grad == len(ALWAYS)).all()


def test_frames_of_a_silhouette_file_are_taken_though_read_only() -> None:
    frames = picture(3, 24, 16)
    frames.flags.writeable = False
    for augmenter in ALWAYS:
        assert augmenter(frames, rng()).shape == frames.shape
    assert ImageNetNormalize()(frames, rng()).shape == (3, 3, 24, 16)


def test_mirrored_frames_are_normalised_too() -> None:
    frames = picture(3, 3, 24, 16)
    np.testing.assert_array_equal(
        ImageNetNormalize()(frames[..., ::-1], rng()), ImageNetNormalize()(frames, rng())[..., ::-1]
    )


@each
def test_no_frames_are_left_as_they_are(augmenter: Augmenter) -> None:
    for shape in ((0, 24, 16), (0, 3, 24, 16)):
        assert augmenter.sequence(np.zeros(shape, np.uint8), rng()).shape == shape
        assert augmenter.batch(torch.zeros(shape), rng()).shape == shape
    assert augmenter.batch(torch.zeros(2, 0, 3, 24, 16), rng()).shape == (2, 0, 3, 24, 16)


# --- framing ------------------------------------------------------------------------------------


def shifts() -> Iterator[tuple[int, int]]:
    return ((down, right) for down in (-2, 0, 3) for right in (-16, -1, 0, 2, 20))


def test_shifting_is_a_cut_out_of_the_padded_image() -> None:
    image = picture(1, 3, 24, 16)
    padded = np.pad(image, ((0, 0), (0, 0), (30, 30), (30, 30)))
    for down, right in shifts():
        frames = torch.from_numpy(image.copy())
        RandomPadCrop.apply(frames, down, right)
        cut = padded[..., 30 - down : 54 - down, 30 - right : 46 - right]
        np.testing.assert_array_equal(frames.numpy(), cut)


def test_grayscale_is_the_brightness_in_all_channels() -> None:
    image = picture(3, 24, 16)
    found = RandomGrayscale(1).image(image, rng())
    expected = np.rint(np.tensordot([0.299, 0.587, 0.114], image, 1))
    assert (found == found[:1]).all()
    np.testing.assert_allclose(found[0], expected, atol=1)


@pytest.mark.parametrize("shape", [(2, 24, 16), (2, 1, 24, 16), (2, 3, 24, 16)], ids=str)
def test_normalised_images_are_those_of_imagenet(shape: tuple[int, ...]) -> None:
    image = picture(*shape)
    found = ImageNetNormalize()(image, rng())
    planes = (image if image.ndim == 4 else image[:, None]) / 255
    expected = (planes - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-6)
    floats = normalized(torch.from_numpy(planes).float())
    np.testing.assert_allclose(floats, expected, atol=2e-6)
    target = torch.empty(found.shape)
    assert normalized(torch.from_numpy(planes * 255).to(torch.uint8), 255, target) is target
    np.testing.assert_array_equal(target, found)


# --- what cannot be -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "options", "words"),
    [
        (ModerateRLE, {"prob": 1.5}, "prob of ModerateRLE"),
        (ModerateRLE, {"beta_factor": 0}, "beta_factor"),
        (RadicalRLE, {"sl": 0.5, "sh": 0.2}, "expected sl <= sh"),
        (RadicalRLE, {"min_out": -1}, "min_out of RadicalRLE"),
        (RandomErasingRGB, {"mean": (0.5, 300, 0.5)}, "mean of RandomErasingRGB"),
        (RandomPadCrop, {"padding": -1}, "padding is -1"),
    ],
)
def test_options_out_of_range_are_named(cls: type, options: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        cls(**options)


def test_images_of_another_kind_are_named() -> None:
    with pytest.raises(DataError, match=r"int64 of shape \[3, 4, 4\]"):
        ModerateRLE(1)(np.zeros((3, 4, 4), np.int64), rng())
    with pytest.raises(DataError, match="expected one channel or three"):
        ImageNetNormalize().batch(np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(DataError, match=r"int64, expected uint8 or floats"):
        ImageNetNormalize().batch(np.zeros((3, 4, 4), np.int64))
    with pytest.raises(ConfigError, match="mean has 3 values, but the images have 4 channels"):
        RandomErasingRGB(1).image(np.zeros((4, 24, 16), np.uint8), rng())

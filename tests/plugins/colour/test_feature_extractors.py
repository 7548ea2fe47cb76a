"""Feature extractors: their weights by whichever names, refusals, and how models keep them as they are."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import gait_plugins
from gait_plugins import CheckpointError, ConfigError
from gait_plugins.api import FeatureExtractor, GaitBatch
from gait_plugins.io.atomic import file_sha256
from gait_plugins.plugins.colour.biggait.model import BigGait
from gait_plugins.plugins.colour.features.key_names import for_transformers
from gait_plugins.testing import check_backbone

SIZE: dict[str, Any] = {"channels": 12, "depth": 4, "heads": 2, "image_size": 70}
KINDS = ("DINOv2", "Dinov2Model")


def network(kind: str = "DINOv2", **options: Any) -> Any:
    return gait_plugins.build("backbone", {"type": kind, **SIZE, **options})


def meta(seed: int = 0) -> dict[str, Tensor]:
    """Random weights under Meta's names."""
    generator = torch.Generator().manual_seed(seed)
    own = network().state_dict()
    return {name: 0.3 * torch.randn(weight.shape, generator=generator) for name, weight in own.items()}


def timm() -> dict[str, Tensor]:
    return {name: weight for name, weight in meta().items() if name != "mask_token"}


def four() -> dict[str, Tensor]:
    """As transformers 4 has them, and as 5 writes them too."""
    words = {
        "attention.q_proj": "attention.attention.query",
        "attention.k_proj": "attention.attention.key",
        "attention.v_proj": "attention.attention.value",
        "attention.o_proj": "attention.output.dense",
    }
    found = for_transformers(meta())
    for new, old in words.items():
        found = {name.replace(new, old): weight for name, weight in found.items()}
    return found


def below_others() -> dict[str, Tensor]:
    """A part of a larger model."""
    return {**{f"backbone.{name}": weight for name, weight in meta().items()}, "head.weight": torch.ones(2)}


FORMS: dict[str, tuple[Callable[[], dict[str, Tensor]], str]] = {
    "meta": (meta, "Meta's"),
    "timm": (timm, "timm's"),
    "transformers 4": (four, "transformers 4's"),
    "transformers 5": (lambda: for_transformers(meta()), "transformers 5's"),
    "below": (below_others, "Meta's"),
}


def expected_features(kind: str) -> list[Tensor]:
    own = network(kind)
    own.load_state_dict(meta() if kind == "DINOv2" else for_transformers(meta()))
    return features(own)


@torch.no_grad()
def features(extractor: FeatureExtractor) -> list[Tensor]:
    pictures = torch.randn(2, 3, 112, 56, generator=torch.Generator().manual_seed(1))
    maps, last = extractor.eval().features(pictures, [1, 4])
    return [*maps, last]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_weights_are_taken_by_whichever_names(
    form: str, ending: str, kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make, whose = FORMS[form]
    file = tmp_path / f"weights{ending}"
    contiguous = {name: weight.contiguous() for name, weight in make().items()}
    save_file(contiguous, file) if ending == ".safetensors" else torch.save(contiguous, file)
    digest = file_sha256(file)
    with caplog.at_level(logging.INFO, "gait_plugins"):
        found = network(kind, weights=str(file), sha256=digest)
    assert same(features(found), expected_features(kind))
    number = len(meta()) if kind == "DINOv2" else len(for_transformers(meta()))
    number -= form == "timm"
    assert f"all {number} weights <- {file} (sha256 {digest[:12]}), by {whose} names" in caplog.text
    assert ("mask_token" in caplog.text) == (form == "timm")
    assert ("1 weights of other parts are left out: head.weight" in caplog.text) == (form == "below")
    assert found.weights_record() == {"file": str(file), "sha256": digest, "taken": number}


def test_the_two_ways_of_stretching_places_differ_by_little(tmp_path: Path) -> None:
    one, other = expected_features("DINOv2")[-1], expected_features("Dinov2Model")[-1]
    assert 0 < float((one - other).abs().max()) < 0.3 * float(one.abs().max())


def test_a_folder_of_transformers_is_taken(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"num_attention_heads": 2}')
    save_file(four(), tmp_path / "model.safetensors")
    assert same(features(network(weights=str(tmp_path))), expected_features("DINOv2"))
    with pytest.raises(CheckpointError, match="has 2 heads, the one here has 3"):
        network(weights=str(tmp_path), heads=3)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="git lfs pull"):
        network(weights=str(tmp_path))


def test_features_are_those_of_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 12, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 70}
    theirs = transformers.Dinov2Model(transformers.Dinov2Config(patch_size=14, **sizes)).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, 0, 0.5)
    theirs.save_pretrained(tmp_path)
    ours = features(network("Dinov2Model", weights=str(tmp_path)))
    pictures = torch.randn(2, 3, 112, 56, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        said = theirs(pictures, output_hidden_states=True)
    for mine, tokens in zip(
        ours, (said.hidden_states[1], said.hidden_states[4], said.last_hidden_state), strict=True
    ):
        torch.testing.assert_close(mine.flatten(2).transpose(1, 2), tokens[:, 1:], rtol=0, atol=1e-5)


def broken(change: Callable[[dict[str, Tensor]], None]) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        weights = meta()
        change(weights)
        torch.save(weights, file)

    return write


def _without(weights: dict[str, Tensor]) -> None:
    del weights["blocks.2.attn.qkv.bias"]


def _more(weights: dict[str, Tensor]) -> None:
    weights["register_tokens"] = torch.zeros(1, 4, 12)


def _not_finite(weights: dict[str, Tensor]) -> None:
    weights["norm.bias"][0] = float("nan")


def _larger(weights: dict[str, Tensor]) -> None:
    weights["pos_embed"] = torch.zeros(1, 50, 12)


def _eighths(weights: dict[str, Tensor]) -> None:
    weights |= {key: weight.to(torch.int8) for key, weight in weights.items()}


def _short_floats(weights: dict[str, Tensor]) -> None:
    weights["norm.bias"] = weights["norm.bias"].to(torch.float8_e4m3fn)


def _complex(weights: dict[str, Tensor]) -> None:
    weights["norm.bias"] = weights["norm.bias"].to(torch.complex64)


def _sparse(weights: dict[str, Tensor]) -> None:
    weights["mask_token"] = weights["mask_token"].to_sparse()


def _outline(weights: dict[str, Tensor]) -> None:
    weights["norm.bias"] = weights["norm.bias"].to("meta")


def _no_thirds(weights: dict[str, Tensor]) -> None:
    weights["blocks.0.attn.qkv.bias"] = torch.zeros(2)


class Code:
    """What a file must not hold."""

    def __reduce__(self) -> Any:
        return (print, ("run",))


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (broken(_without), r"none are taken: 1 missing: blocks\.2\.attn\.qkv\.bias"),
        (broken(_more), "1 unknown: register_tokens"),
        (broken(_not_finite), r"1 NaN or infinite: norm\.bias"),
        (broken(_larger), r"1 of another shape: pos_embed \[1, 50, 12\] for \[1, 26, 12\]"),
        (broken(_eighths), r"floating point: cls_token \(int8\)"),
        (broken(_short_floats), r"floating point: norm\.bias \(float8_e4m3fn\)"),
        (broken(_complex), r"floating point: norm\.bias \(complex64\)"),
        (broken(_sparse), r"floating point: mask_token \(float32 sparse_coo\)"),
        (broken(_outline), r"floating point: norm\.bias \(float32 meta\)"),
        (broken(_no_thirds), r"none are taken: .*blocks\.0\.attn\.qkv\.bias"),
        (lambda file: torch.save({1: torch.ones(2)}, file), "holds no weights of DINOv2"),
        (lambda file: torch.save({"conv.weight": torch.ones(2)}, file), "holds no weights of DINOv2"),
        (lambda file: torch.save([1], file), "it holds list"),
        (lambda file: file.write_text("version https://git-lfs.github.com/spec/v1"), "cannot be read"),
        (lambda file: file.write_bytes(pickle.dumps(Code())), "cannot be read"),
    ],
    ids=[
        *("missing", "extra", "nan", "shape", "int8", "float8", "complex", "sparse", "meta", "thirds"),
        *("numbers", "other", "list", "pointer", "code"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_does_not_fit_is_refused_wholly(
    write: Callable[[Path], None], told: str, kind: str, tmp_path: Path
) -> None:
    file = tmp_path / "weights.pth"
    write(file)
    if kind != "DINOv2":
        told = told.partition(":")[0]  # names are transformers'
    with pytest.raises(CheckpointError, match=told) as caught:
        network(kind, weights=str(file))
    assert "weights.pth" in str(caught.value)
    assert "->" in str(caught.value)


def test_another_file_than_the_sum_says_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save(meta(), file)
    with pytest.raises(CheckpointError, match=f"sha256 {file_sha256(file)}, expected 00ff"):
        network(weights=str(file), sha256="00ff")
    with pytest.raises(ConfigError, match="sha256 is given without weights"):
        network(sha256="00ff")


def test_thirds_of_unlike_shapes_are_missing(tmp_path: Path) -> None:
    weights = four()
    weights["encoder.layer.0.attention.attention.key.bias"] = torch.zeros(3, 3)
    torch.save(weights, tmp_path / "weights.bin")
    with pytest.raises(CheckpointError, match="1 missing"):
        network(weights=str(tmp_path / "weights.bin"))


def test_a_home_of_nobody_is_a_path_that_is_not_there() -> None:
    assert not network(weights="~nobody-by-that-name/weights.pth").complete


def test_without_weights_it_is_said_what_to_get_from_where(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.pth")
    for options, why in (({}, "no file is named"), ({"weights": gone}, "gone.pth is not there")):
        with pytest.raises(ConfigError, match=why) as caught:
            features(network(**options))
        assert "https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14" in str(caught.value)
        assert "TinyDINOv2" in str(caught.value)


def biggait(**extractor: Any) -> Any:
    """A narrow BigGait on a network of twelve channels."""
    options = BigGait.example_config()
    options["extractor"] = {"type": "DINOv2", **SIZE, **extractor}
    for name, factor in (("Denoising_Branch", 4), ("Appearance_Branch", 4), ("Mask_Branch", 1)):
        options[name]["source_dim"] = 12 * factor
    return gait_plugins.build("model", {"model": "BigGait", **options})


def batch() -> GaitBatch:
    generator = torch.Generator().manual_seed(2)
    frames = torch.randn(2, 3, 3, 64, 32, generator=generator)
    return GaitBatch([frames, torch.full((2, 3), 0.5)], torch.arange(2), ["nm-01"] * 2, ["090"] * 2, None)


@torch.no_grad()
def test_a_checkpoint_holds_the_weights_and_needs_no_file(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save(meta(), file)
    trained = biggait(weights=str(file)).eval()
    state, expected = trained.state_dict(), trained(batch())["inference_feat"]["embeddings"]
    file.unlink()
    again = biggait(weights=str(file)).eval()
    with pytest.raises(ConfigError, match="is not there"):
        again(batch())
    again.load_state_dict(state)
    assert torch.equal(again(batch())["inference_feat"]["embeddings"], expected)


def test_a_checkpoint_of_another_extractor_is_refused(tmp_path: Path) -> None:
    for seed in (0, 1):
        torch.save(meta(seed), tmp_path / f"{seed}.pth")
    state = biggait(weights=str(tmp_path / "0.pth")).state_dict()
    rounded = {name: weight.half().to(weight.dtype) for name, weight in state.items()}
    biggait(weights=str(tmp_path / "0.pth")).load_state_dict(rounded)
    other = biggait(weights=str(tmp_path / "1.pth"))
    with pytest.raises(CheckpointError, match=r"another feature extractor than .*1\.pth .* differ, first"):
        other.load_state_dict(state)


def test_the_extractor_stays_as_it_is() -> None:
    model = biggait()
    model.backbone.load_state_dict(meta())
    before = {name: weight.clone() for name, weight in model.backbone.state_dict().items()}
    order = list(model.state_dict())
    model.init_parameters()
    model.train()
    assert list(model.state_dict()) == order
    assert not any(part.training for part in model.backbone.modules())
    assert not model.Mask_Branch.training
    features = model(batch())["training_feat"]
    torch.stack([features["part_connect"], features["part_diversity"]]).sum().backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert not any(name.startswith(("backbone.", "Mask_Branch.")) for name in trained)
    assert all(torch.equal(weight, before[name]) for name, weight in model.backbone.state_dict().items())
    assert sum(p.numel() for p in model.parameter_groups({})) < sum(p.numel() for p in model.parameters())


def test_a_stand_in_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        model = gait_plugins.build("model", {"model": "BigGait", **BigGait.example_config()})
    assert "the feature extractor is a stand-in: TinyDINOv2" in caplog.text
    assert "TinyDINOv2" in model.stand_in


STRANGER = '''
import torch
from gait_plugins import FeatureExtractor

class Squares(FeatureExtractor):
    """Mean colours of squares."""

    channels, depth, patch = 3, 4, 14

    def features(self, pictures, layers):
        means = torch.nn.functional.avg_pool2d(pictures, self.patch)
        return [means * layer for layer in layers], means
'''


def test_a_stranger_in_one_file_can_take_its_place(tmp_path: Path) -> None:
    (tmp_path / "squares.py").write_text(STRANGER)
    options = BigGait.example_config()
    options["extractor"] = {"type": f"{tmp_path / 'squares.py'}:Squares"}
    for name, factor in (("Denoising_Branch", 4), ("Appearance_Branch", 4), ("Mask_Branch", 1)):
        options[name]["source_dim"] = 3 * factor
    model = gait_plugins.build("model", {"model": "BigGait", **options})
    found = model.eval()(batch())["inference_feat"]["embeddings"]
    assert found.shape == (2, 6, 4)


class Batchwise(FeatureExtractor):
    """Its features depend on the other pictures."""

    channels, depth, patch = 3, 2, 7

    def features(self, pictures: Tensor, layers: Any) -> tuple[list[Tensor], Tensor]:
        means = torch.nn.functional.avg_pool2d(pictures - pictures.mean(), self.patch)
        return [means for _ in layers], means


class Wide(Batchwise):
    """Its maps have other channels than it says."""

    channels = 5


@pytest.mark.parametrize(
    ("kind", "told"), [(Batchwise, "depend on the others"), (Wide, r"shape \[2, 3, 4, 2\], expected \[2, 5")]
)
def test_the_contract_check_sees_what_is_broken(kind: Any, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_backbone(kind)


@pytest.mark.parametrize("kind", ["TinyDINOv2", *KINDS])
def test_extractors_keep_their_contract(kind: str) -> None:
    options = {} if kind == "TinyDINOv2" else SIZE
    check_backbone(lambda: gait_plugins.build("backbone", {"type": kind, **options}))


def test_sizes_that_do_not_fit_are_refused() -> None:
    options = BigGait.example_config()
    for change, told in (
        ({"image_size": 30}, "image_size is 30, expected a multiple"),
        ({"extractor": {"type": "TinyDINOv2", "depth": 2}}, "2 layers, expected 4"),
        ({"extractor": {"type": "U_Net"}}, "extractor"),
        ({"Mask_Branch": {"source_dim": 12, "target_dim": 2}}, "source_dim is 12, expected 24"),
        ({"Mask_Branch": {"source_dim": 24, "target_dim": 3}}, "target_dim"),
    ):
        with pytest.raises(ConfigError, match=told):
            gait_plugins.build("model", {"model": "BigGait", **options, **change})

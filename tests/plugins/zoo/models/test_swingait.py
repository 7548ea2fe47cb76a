"""SwinGait equals the published implementation, keeps packed sequences apart, and learns as it does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.golden_rules import check_outputs, check_state_dict, fill_weights_B, golden_json, packed_sil, sil
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel
from gait_plugins.core.checkpoints.files import restore_model
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models import swingait
from gait_plugins.plugins.zoo.models.schedules import SteppedCosine
from gait_plugins.plugins.zoo.models.swingait import SwinGait

NAME = "model_SwinGait_1122_B"


def build(model_cfg: dict[str, Any]) -> SwinGait:
    model = gait_plugins.build("model", {"model": "SwinGait", **model_cfg})
    assert isinstance(model, SwinGait)
    return model


def small(**changes: Any) -> SwinGait:
    cfg = SwinGait.example_config()
    for key, value in changes.items():
        cfg[key] = {**cfg[key], **value} if isinstance(value, dict) else value
    return build(cfg)


def batch_of(frames: Tensor, seq_lens: Tensor | None = None) -> GaitBatch:
    n = len(frames) if seq_lens is None else seq_lens.numel()
    return GaitBatch([frames], torch.arange(n) % 5, ["nm-01"] * n, ["090"] * n, seq_lens)


def embed(model: GaitModel, batch: GaitBatch) -> Tensor:
    return model(batch)["inference_feat"]["embeddings"]


@pytest.fixture(scope="module")
def published() -> SwinGait:
    return fill_weights_B(build(golden_json(NAME)["model_cfg"])).eval()


def test_the_full_width_has_the_published_keys() -> None:
    description = golden_json("model_SwinGait_1122")
    with torch.device("meta"):
        model = build(description["model_cfg"])
    check_state_dict(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]


@torch.no_grad()
def test_published_weights_give_the_published_outputs(
    published: SwinGait, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_state_dict(published, golden_json(NAME))
    batches = {
        "batch": batch_of(sil(2, 6, 64, 44)),
        "short": batch_of(sil(1, 2, 64, 44)),
        # Recorded as if the pack were one sequence of ten frames, and only its maxima taken apart.
        "seqL": batch_of(*packed_sil((6, 4), 64, 44)),
    }
    for case, batch in batches.items():
        if case == "seqL":
            monkeypatch.setattr(swingait, "split_lengths", lambda _: None)
        out = published(batch)
        found = {
            "emb": out["inference_feat"]["embeddings"],
            "logits": out["training_feat"]["softmax"]["logits"],
        }
        check_outputs(found, NAME, case)


@torch.no_grad()
def test_a_pack_is_embedded_as_its_sequences_one_by_one() -> None:
    model = fill_weights_B(small()).double().eval()
    lengths = (3, 7, 1, 5, 2)
    frames, seq_lens = packed_sil(lengths, 64, 44)
    together = embed(model, batch_of(frames.double(), seq_lens))
    alone = [embed(model, batch_of(part)) for part in frames.double().split(lengths, 1)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_a_sequence_gets_no_gradient_from_its_neighbours_in_the_pack() -> None:
    model = small().eval()
    frames, seq_lens = packed_sil((5, 1, 4), 64, 44)
    frames.requires_grad_()
    embed(model, batch_of(frames, seq_lens))[1].sum().backward()
    assert frames.grad is not None
    assert frames.grad.isfinite().all()
    assert frames.grad[:, 5].any()
    assert not frames.grad[:, :5].any()
    assert not frames.grad[:, 6:].any()


def test_skipped_blocks_are_drawn_for_whole_sequences() -> None:
    torch.manual_seed(0)
    block = small().transformer.layers[0].blocks[1]
    block.drop_path = 0.5
    tokens = torch.tensor([3, 2, 4, 1] * 8)
    dropped = block.train()._dropped(torch.ones(int(tokens.sum()), 2), tokens)
    values = [part.unique().tolist() for part in dropped.split(tokens.tolist())]
    assert sorted(map(tuple, {tuple(v) for v in values})) == [(0.0,), (2.0,)]
    assert torch.equal(block.eval()._dropped(dropped, tokens), dropped)


def test_every_parameter_is_trained_once_at_the_published_rate() -> None:
    model = small()
    settings = {"lr": 3e-4, "weight_decay": 0.02}
    groups = list(model.parameter_groups(settings))
    optimizer = torch.optim.AdamW(groups, **settings)
    ids = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(p) for p in model.parameters()}
    rate = {id(p): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    for name, parameter in model.named_parameters():
        slow = not name.startswith("transformer")
        bare = not slow and any(w in name for w in ("patch_embed", "norm", "relative_position_bias_table"))
        assert rate[id(parameter)] == pytest.approx((3e-5 if slow else 3e-4, 0 if bare else 0.02)), name


def test_an_optimiser_without_rate_is_refused() -> None:
    with pytest.raises(ConfigError, match="shares of lr"):
        list(small().parameter_groups({"weight_decay": 0.1}))


def rates(schedule: LRScheduler, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(float(schedule.optimizer.param_groups[0]["lr"]))
        schedule.optimizer.step()
        schedule.step()
    return found


def test_the_rate_falls_in_steps_along_half_a_cosine() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    found = rates(SteppedCosine(optimizer, total=10, every=4, lowest=0.1), 14)
    at4, at8 = (0.5 * (1 + torch.tensor(torch.pi * k / 10).cos().item()) for k in (4, 8))
    assert found == pytest.approx([1.0] * 4 + [at4] * 4 + [max(at8, 0.1)] * 2 + [0.1] * 4)


def test_a_resumed_schedule_goes_on_and_another_kind_starts_afresh(caplog: pytest.LogCaptureFixture) -> None:
    def fresh() -> SteppedCosine:
        return SteppedCosine(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0), 10, 2)

    whole = rates(fresh(), 10)
    first = fresh()
    rates(first, 5)
    second = fresh()
    second.load_state_dict(first.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    assert rates(second, 5) == whole[5:]
    third = fresh()
    third.load_state_dict(MultiStepLR(third.optimizer, [3]).state_dict())
    assert "the model's own schedule starts anew" in caplog.text
    assert third.last_epoch == 0


def test_a_model_without_own_length_keeps_the_configured_schedule() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    assert isinstance(small().schedule(optimizer, lambda: MultiStepLR(optimizer, [3])), MultiStepLR)
    own = small(T_max_iter=60000).schedule(optimizer, lambda: pytest.fail("not to be built"))
    assert isinstance(own, SteppedCosine)
    assert own.total == 60000


def test_a_trained_deepgaitv2_gives_the_first_stages_and_the_heads() -> None:
    backbone = {"mode": "p3d", "in_channels": 1, "layers": [1, 1, 1, 1], "channels": [4, 6, 6, 16]}
    older = gait_plugins.build(
        "model", {"model": "DeepGaitV2", "Backbone": backbone, "SeparateBNNecks": {"class_num": 5}}
    )
    weights = older.state_dict()
    model = small()
    restore_model(model, weights, strict=False, where="older.pt")
    taken = [k for k, v in model.state_dict().items() if k in weights and torch.equal(v, weights[k])]
    for part in ("layer0.", "layer1.", "layer2.", "FCs.", "BNNecks."):
        own = [name for name in model.state_dict() if name.startswith(part)]
        assert own
        assert set(own) <= set(taken), part


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"SeparateBNNecks": {"parts_num": 15}},
            r"parts_num is 15, expected 16 \(one more than the strips\)",
        ),
        ({"Backbone": {"layers": [1, 1, 2]}}, "layers is .* expected 4 numbers"),
        ({"Backbone": {"channels": [4, 6, 8]}}, "channels is .* expected 2 numbers"),
        ({"num_heads": [3, 4]}, "widths 8 and 16 do not divide among 3 and 4 heads"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(**changes)


def test_strips_that_do_not_divide_the_tokens_are_refused() -> None:
    model = small(bin_num=[16], SeparateBNNecks={"parts_num": 17})
    with pytest.raises(ConfigError, match="150 tokens do not divide into 16 strips"):
        model.check_input_size(64, 44)
    small().check_input_size(128, 88)

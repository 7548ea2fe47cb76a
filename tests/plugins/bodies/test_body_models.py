"""ParsingGait and SMPLGait equal the published networks, and embed packs as their sequences."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from helpers.bodies.golden import (
    batch_of,
    body_inputs,
    packed,
    parsing,
    recorded_body_model,
    worst_of_case,
)
from helpers.golden_rules import fill_weights_B, golden, golden_json
from torch import nn

import gait_plugins
from gait_plugins.api import GaitModel
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.bodies import part_graph, smplgait
from gait_plugins.plugins.bodies.parsinggait import pooled_parts
from gait_plugins.testing import check_model

NAMES = [
    "SMPLGait",
    "SMPLGait_B",
    *(f"ParsingGait_{form}" for form in ("coarse", "coarse_B", "fine_B", "both_B")),
]
CASES = [(name, case) for name in NAMES for case in golden_json(f"bodies/model_{name}")["cases"]]
SMALL = {"SMPLGait": smplgait.SMPLGait.example_config(), "ParsingGait": None}


@pytest.mark.parametrize(("name", "case"), CASES)
def test_published_weights_give_the_published_outputs(
    name: str, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (part_graph, smplgait):  # the recorded training step is one without dropout
        monkeypatch.setattr(module, "DROPOUT", 0.0)
    model = recorded_body_model(name).train(case == "train")
    worst = worst_of_case(name, case, model)
    assert max(worst.values()) <= 1, worst


@pytest.mark.parametrize("name", ["SMPLGait", "ParsingGait"])
def test_the_full_width_has_the_published_keys(name: str) -> None:
    published = golden_json("bodies/published")[name]
    recorded = golden_json(
        "bodies/model_SMPLGait" if name == "SMPLGait" else "bodies/model_ParsingGait_coarse"
    )
    cfg = copy.deepcopy(recorded["model_cfg"])
    cfg["SeparateBNNecks"]["class_num"] = 3000
    with torch.device("meta"):
        model = gait_plugins.build("model", {"model": name, **cfg})
    assert [[key, list(value.shape)] for key, value in model.state_dict().items()] == published["state_dict"]
    assert sum(p.numel() for p in model.parameters()) == published["parameters"]


def small(name: str, **changes: Any) -> GaitModel:
    cls: Any = {"SMPLGait": smplgait.SMPLGait}.get(name)
    cfg = cls.example_config() if cls else parsing_cfg("combine_fine_coarse_graph", 32)
    model = gait_plugins.build("model", {"model": name, **{**cfg, **changes}})
    return fill_weights_B(model).eval()


def parsing_cfg(graph: str, parts: int) -> dict[str, Any]:
    cfg = copy.deepcopy(golden_json("bodies/model_ParsingGait_both_B")["model_cfg"])
    cfg["gcn_cfg"] = {graph: True}
    cfg["SeparateFCs"]["parts_num"] = cfg["SeparateBNNecks"]["parts_num"] = parts
    return cfg


@pytest.mark.parametrize("name", ["SMPLGait", "ParsingGait"])
@torch.no_grad()
def test_a_pack_is_embedded_as_its_sequences_one_by_one(name: str) -> None:
    model, inputs, lengths = small(name), body_inputs(name, 3), (6, 1, 4)
    together = model(packed(inputs, lengths))["inference_feat"]["embeddings"]
    alone = [
        model(batch_of([x[i : i + 1, :n] for x in inputs]))["inference_feat"]["embeddings"]
        for i, n in enumerate(lengths)
    ]
    assert (together - torch.cat(alone)).abs().max() <= 1e-5 * together.abs().max()
    assert (alone[0] - alone[2]).abs().max() > 1e-3 * together.abs().max()


@pytest.mark.parametrize(
    ("name", "cfg"),
    [
        ("SMPLGait", {"pictures": "parsing"}),
        ("ParsingGait", parsing_cfg("only_fine_graph", 27)),
        ("ParsingGait", parsing_cfg("only_coarse_graph", 21)),
    ],
    ids=["SMPLGait of labels", "fine", "coarse"],
)
def test_the_contract_of_models_is_kept_in_each_form(name: str, cfg: dict[str, Any]) -> None:
    check_model(lambda: small(name, **cfg))


def test_neighbours_are_the_published_ones() -> None:
    recorded = golden("bodies/parsing")
    for name, parts in (("fine", part_graph.FINE), ("coarse", part_graph.COARSE)):
        found = part_graph.adjacency(parts).numpy()
        assert abs(found - recorded[f"adjacency_{name}"]).max() < 1e-15


def test_a_part_is_the_mean_and_the_maximum_of_weighted_maps() -> None:
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    labels = torch.tensor([[[0, 3], [5, 1]]])
    gamma = torch.tensor([0.75])
    # Own pixels 2 and 3 weigh 0.75, the others 0.25: 0.25, 1.5, 2.25, 1.5.
    assert pooled_parts(maps, labels, [(3, 5)], gamma).item() == pytest.approx(5.5 / 4 + 2.25)
    # Nobody's part: all pixels weigh 0.25.
    assert pooled_parts(maps, labels, [(9,)], gamma).item() == pytest.approx(0.25 * (3 + 6))


def test_left_and_right_are_told_apart() -> None:
    model = small("ParsingGait")
    labels = torch.from_numpy(parsing(1, 3, 64, 44))
    other = labels.clone()
    for left, right in ((3, 4), (5, 6), (7, 8), (9, 10)):
        other[labels == left], other[labels == right] = right, left
    found = [model(batch_of([x.float()]))["inference_feat"]["embeddings"] for x in (labels, other)]
    assert (found[0] - found[1]).abs().max() > 1e-2 * found[0].abs().max()


def test_a_body_at_rest_leaves_the_maps_as_they_are() -> None:
    """A matrix that is the identity changes nothing: the network is then one of silhouettes alone."""
    model = small("SMPLGait")
    nn.init.zeros_(model.bn3.weight), nn.init.constant_(model.bn3.bias, -1.0)
    silhouettes, parameters = body_inputs("SMPLGait", 1, 2)
    found = model(batch_of([silhouettes, parameters]))["inference_feat"]["embeddings"]
    maps = model.Backbone(silhouettes.unsqueeze(1))
    wide = nn.functional.pad(maps, (0, 16 - maps.shape[-1]))
    torch.testing.assert_close(found, model.FCs(model.HPP(wide.amax(2))))


@pytest.mark.parametrize("name", ["SMPLGait", "ParsingGait"])
def test_dropout_follows_the_seed(name: str) -> None:
    model, batch = small(name).train(), batch_of(body_inputs(name, 2, 3))

    def trained(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        found: torch.Tensor = model(batch)["training_feat"]["triplet"]["embeddings"]
        return found

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


def test_half_precision_is_near() -> None:
    for name in ("SMPLGait", "ParsingGait"):
        model, batch = small(name), batch_of(body_inputs(name, 1, 2))
        exact = model(batch)["inference_feat"]["embeddings"]
        with torch.autocast("cpu", torch.bfloat16):
            mixed = model(batch)["inference_feat"]["embeddings"]
        assert (mixed.float() - exact).abs().max() < 0.1 * exact.abs().max()


def test_labels_that_were_divided_are_refused() -> None:
    divided = torch.from_numpy(parsing(1, 2, 64, 44)).float() / 11
    with pytest.raises(ConfigError, match="the frames hold values up to 1, expected labels of body parts"):
        small("ParsingGait")(batch_of([divided]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gcn_cfg": {}}, "gcn_cfg chooses no graph"),
        ({"gcn_cfg": {"fine_parts": 9, "only_fine_graph": True}}, "gcn_cfg.fine_parts is 9, expected 11"),
        (
            {"gcn_cfg": {"only_coarse_graph": True}},
            r"parts_num is 32, expected 21 \(16 strips of bin_num and 5",
        ),
    ],
)
def test_graphs_that_do_not_fit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small("ParsingGait", **changes)


def test_several_graphs_are_the_first_as_published() -> None:
    cfg = {
        **parsing_cfg("only_coarse_graph", 27),
        "gcn_cfg": {"only_fine_graph": True, "only_coarse_graph": True},
    }
    assert list(small("ParsingGait", **cfg).graphs) == ["fine"]


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("SMPLGait", (128, 88), "frames of 128x88 do not fit: their maps are 32x22, expected 16 rows"),
        ("ParsingGait", (30, 25), "frames of 30x25 do not fit: a feature map of 8x7"),
    ],
)
def test_frames_of_another_size_are_refused(name: str, size: tuple[int, int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(name).check_input_size(*size)

"""Settings of FoundationGait's files that OpenGait's code implies: brought to where components read them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

log = logging.getLogger("gait_plugins")

PRETRAIN = "FoundationGait_Scaling"
PROBE = f"{PRETRAIN}_LinearProbing_"
LARGEST, LARGEST_FACTOR = "GaitLU", 0.1
"""Sets whose name holds this word count with a tenth of their sequences."""
FOR_SET = ("dataset_root", "dataset_partition", "data_in_use", "cache", "self_supervised", "streams", "files")
FOR_ALL = ("num_workers", "test_dataset_name", "remove_no_gallery")
OF_BATCHES = ("type", "batch_size", "batch_shuffle")


def mix_listed_sets(config: MutableMapping[str, Any]) -> None:
    """Make a list of data sets a mixture, and its batches batches of one set, in place."""
    listed = config.get("data_cfg")
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed) or not listed:
        return
    names = [str(each.get("dataset_name", place)) for place, each in enumerate(listed)]
    sets = {name: _one_set(name, each) for name, each in zip(names, listed, strict=True)}
    first = listed[0]
    config["data_cfg"] = {
        "type": "mixture",
        "dataset_name": "_".join(names),
        "test_dataset_name": first.get("test_dataset_name", names[0]),
        "num_workers": max(_workers(each) for each in listed),
        "of": sets,
    }
    trainer = config.get("trainer_cfg")
    sampler = trainer.get("sampler") if isinstance(trainer, Mapping) else None
    if isinstance(sampler, MutableMapping) and "of" not in sampler:
        inner = {key: sampler.pop(key) for key in OF_BATCHES if key in sampler}
        sampler.update(type="OneSetSampler", of=inner)
        factors = {name: LARGEST_FACTOR for name in names if LARGEST.lower() in name.lower()}
        sampler.update({"factors": factors} if factors else {})


def join_views(config: MutableMapping[str, Any]) -> None:
    """Take one transform for both views of the pretraining, which OpenGait lists twice, in place."""
    trainer = _section(config, "trainer_cfg")
    given = trainer.get("transform")
    if _model(config) != PRETRAIN or not isinstance(given, list) or len(given) != 1:
        return
    views = given[0]
    if isinstance(views, list) and views and all(view == views[0] for view in views):
        trainer["transform"] = [views[0]]


def name_steps(config: MutableMapping[str, Any]) -> None:
    """Let the teacher's momentum rise over the whole training unless the model says otherwise, in place."""
    if _model(config) == PRETRAIN:
        model, trainer = _section(config, "model_cfg"), _section(config, "trainer_cfg")
        model.setdefault("EMA_steps", trainer.get("total_iter"))


def name_terms(config: MutableMapping[str, Any]) -> None:
    """Give every classifier of the attribute probe the one cross-entropy that is written, in place.

    The protocol is told how many values each attribute has.
    """
    model, test = _section(config, "model_cfg"), _section(config, "evaluator_cfg")
    attributes, losses = _counts(model.get("Attribute_list")), config.get("loss_cfg")
    if _model(config) != f"{PROBE}RAGAR" or not attributes:
        return
    if test.get("eval_func") == "evaluate_ragar":
        test.setdefault("attributes", attributes)
    single = losses[0] if isinstance(losses, list) and len(losses) == 1 else None
    if isinstance(single, Mapping) and single.get("log_prefix") == "softmax":
        names = [f"softmax_{place:02d}" for place in range(sum(attributes))]
        config["loss_cfg"] = [{**single, "log_prefix": name} for name in names]


def drop_idle_triplets(config: MutableMapping[str, Any]) -> None:
    """Leave out the triplet loss of a probe, which has no embeddings for it, in place; the log says so."""
    losses = config.get("loss_cfg")
    if not _model(config).startswith(PROBE) or not isinstance(losses, list):
        return
    kept = [
        loss for loss in losses if not (isinstance(loss, Mapping) and loss.get("log_prefix") == "triplet")
    ]
    if len(kept) < len(losses):
        log.warning("loss_cfg: the triplet loss has no effect: a probe has no embeddings for it")
        config["loss_cfg"] = kept


def _one_set(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    idle = sorted(set(given) - {*FOR_SET, *FOR_ALL, "dataset_name", "type"})
    if idle:
        log.warning("data_cfg: %s of %s has no effect: nothing reads it", ", ".join(idle), name)
    kept = {key: given[key] for key in FOR_SET if key in given}
    return {"type": given.get("type", "OpenGaitLayout"), "dataset_name": name, **kept}


def _workers(given: Mapping[str, Any]) -> int:
    found = given.get("num_workers", 1)
    return found if isinstance(found, int) else 1


def _counts(value: Any) -> list[int]:
    """A list of whole numbers; empty where it is none."""
    whole = isinstance(value, Sequence) and all(isinstance(count, int) for count in value)
    return list(value) if whole else []


def _section(config: Mapping[str, Any], name: str) -> MutableMapping[str, Any]:
    """A section that may be written to; an empty one where it is none."""
    found = config.get(name)
    return found if isinstance(found, MutableMapping) else {}


def _model(config: Mapping[str, Any]) -> str:
    """The model's name without its package's; empty for one of a checkout, which has code for all this."""
    package, _, name = str(_section(config, "model_cfg").get("model")).rpartition("/")
    return "" if package == "opengait" else name

"""Parts of a model that start from the weights of other trainings (``trainer_cfg.init``)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gait_plugins.api import GaitModel
from gait_plugins.core.checkpoints.compare import LoadReport, compare_states, first_of, may_lack
from gait_plugins.core.checkpoints.files import Checkpoint, load_checkpoint, take_weights
from gait_plugins.core.weights.lookup import located
from gait_plugins.errors import CheckpointError, ConfigError, GaitPluginsError
from gait_plugins.io.atomic import file_sha256
from gait_plugins.io.part_of_file import split_part
from gait_plugins.suggest import did_you_mean

log = logging.getLogger("gait_plugins")

_OWN = (
    "trainer_cfg.init names this file: name your own there, or start without weights by "
    "-o trainer_cfg.init=null"
)


@dataclass(frozen=True)
class Part:
    """A part of a model and where its first weights come from."""

    target: str
    """What the part's keys begin with (``full_component``); empty for the whole model."""
    source: str
    """A checkpoint file or the name of a published one; in a recipe also the name of a stage."""
    prefix: str | None = None
    """What the weights' keys begin with in the file. None: like the target where the file has such, else
    nothing."""
    strict: bool = True
    """Every weight of the part must be found in its shape."""
    drop_head: bool = False
    """A classifier for another number of identities is left out."""
    optional: bool = False
    """A model without such a part does without the weights."""

    @property
    def title(self) -> str:
        """The part in words."""
        return self.target or "the whole model"


def parts_of(init: str | Mapping[str, Any] | None) -> list[Part]:
    """``trainer_cfg.init`` as parts: a source for the whole model, or one for each part."""
    if init is None:
        return []
    if isinstance(init, str) or "from" in init:
        return [_part("", init)]
    return [_part(target, source) for target, source in init.items()]


def _part(target: str, source: str | Mapping[str, Any]) -> Part:
    if isinstance(source, str):
        return Part(target, source)
    options = {name: value for name, value in source.items() if name not in ("from", "checkpoint")}
    return Part(target, source["from"], **options)


def wanted(model: GaitModel, parts: list[Part]) -> list[Part]:
    """The parts less the optional ones that a model does not have."""
    left_out = absent(model, parts)
    return [part for part in parts if part not in left_out]


def absent(model: GaitModel, parts: list[Part]) -> list[Part]:
    """The optional parts that a model does not have."""
    keys = model.state_dict()
    return [part for part in parts if part.optional and not under(keys, part.target)]


def fit_part(model: GaitModel, part: Part, checkpoint: Checkpoint, where: str) -> tuple[LoadReport, str]:
    """Compare a part with the weights that it takes from a checkpoint; nothing is loaded.

    Args:
        model: may lie on the meta device.
        part: what is taken, and whither.
        checkpoint: where it is taken from; of its weights only the shapes count.
        where: the file or stage, for messages.

    Returns:
        How the weights fit, their keys without prefixes, and the prefix of the file's keys.

    Raises:
        ConfigError: the model has no such part.
        CheckpointError: the checkpoint has no such keys, or they do not fit.
    """
    own = under(model.state_dict(), part.target)
    if not own:
        raise missing_part_error(model, part.target)
    weights = checkpoint["model"]
    prefix = part.prefix
    if prefix is None:
        prefix = part.target if under(weights, part.target) else ""
    found = under(weights, prefix)
    if not found:
        raise CheckpointError(
            f"no keys of the file begin with {prefix!r}, which {part.title} is to be taken from",
            where=where,
            hint=_meant(prefix, weights),
        )
    name = type(model).__name__ if not part.target else f"{part.target} of {type(model).__name__}"
    report = compare_states(name, own, found, model.num_classes)
    if part.drop_head:
        report = report.without_head()
    # What the file has beyond the part is listed, no more: a part is a choice.
    if not report.fitting or (part.strict and (report.missing or report.mismatched)):
        lines = "\n".join(f"  {line}" for line in report.lines())
        raise CheckpointError(
            f"the weights do not fit {name}: {len(report.fitting)} of {report.own} match\n{lines}",
            where=where,
            hint=_advice(part, report),
        )
    try:
        model.check_init(part.target, checkpoint)
    except GaitPluginsError as error:
        error.where = error.where or where
        raise
    return report, prefix


def read_source(model: GaitModel, part: Part) -> Checkpoint:
    """Read the file that a part takes weights from: those of it that fit the part best.

    Raises:
        CheckpointError: it cannot be read.
    """
    own = under(model.state_dict(), part.target)
    # In the file, the part may be a network of its own, or a part of one as it is here.
    starts = (part.target, "") if part.prefix is None else (part.prefix,)
    like = {_joined(start, key): value for start in starts for key, value in own.items()}
    return load_checkpoint(Path(part.source), _OWN, like=like)


def load_part(model: GaitModel, part: Part) -> dict[str, Any]:
    """Load the weights of a part.

    Returns:
        The record of it, plain data: file, SHA-256, prefix, and how many weights were taken or not.

    Raises:
        ConfigError, CheckpointError: see :func:`fit_part`; or the file cannot be read, or some of these
            weights are NaN or infinite.
    """
    path = Path(part.source)
    checkpoint = read_source(model, part)
    report, prefix = fit_part(model, part, checkpoint, str(path))
    weights = under(checkpoint["model"], prefix)
    taken = {_joined(part.target, key): weights[key] for key in report.fitting}
    take_weights(model, taken, str(path))
    told = {*report.fitting, *report.missing, *(mismatch.key for mismatch in report.mismatched)}
    left = [key for key in under(model.state_dict(), part.target) if key not in told]
    file, below = split_part(located(path))
    digest = file_sha256(file)
    log.info(
        "%s <- %s of %s (sha256 %s): %d of its %d weights taken%s",
        part.title,
        prefix or "all",
        path,
        digest[:12],
        len(report.fitting),
        len(weights),
        "".join(f"\n  {line}" for line in _left_lines(report, left, weights)),
    )
    return {
        "part": part.target,
        "file": str(path),
        "sha256": digest,
        **({} if below is None else {"below": below}),
        "prefix": prefix,
        "taken": len(report.fitting),
        "missing": len(report.missing),
        "unexpected": len(report.unexpected),
        "mismatched": len(report.mismatched),
        "head_dropped": not all(may_lack(key, weights) for key in left),
    }


def _left_lines(report: LoadReport, left: list[str], weights: Mapping[str, Any]) -> list[str]:
    """What was not taken, a line for each group.

    Args:
        report: how the weights fit.
        left: the model's weights that the report passes over.
        weights: those of the file.
    """
    head = [key for key in left if not may_lack(key, weights)]
    if not head:
        return report.lines()
    what = f"{len(head)} of the head dropped, which starts anew: {first_of(head)}"
    return [what, *report.lines()]


def freeze(model: GaitModel, names: list[str]) -> None:
    """Exclude parts of a model from training.

    Raises:
        ConfigError: the model has no such part.
    """
    for name in names:
        if not name or not under(model.state_dict(), name):
            raise missing_part_error(model, name, "trainer_cfg.freeze")
        for key, parameter in model.named_parameters():
            if _is_under(key, name):
                parameter.requires_grad_(False)


def warn_of_untrained_parts(model: GaitModel, parts: list[Part]) -> None:
    """Warn of wholly frozen parts that get no weights: their weights would stay random.

    Args:
        model: its frozen parameters as they are in training.
        parts: what takes weights from elsewhere.
    """
    followers = getattr(model, "followers", ())  # a model of another host has none
    for name, child in model.named_children():
        frozen = not any(parameter.requires_grad for parameter in child.parameters())
        taken = any(not part.target or _is_under(f"{part.target}.", name) for part in parts)
        own = name in followers or not any(True for _ in child.parameters())
        if frozen and not taken and not own:
            log.warning(
                "%s of %s is frozen and takes no weights: its weights stay random; "
                "give a stage or a file for it with init: {%s: ...}",
                name,
                type(model).__name__,
                name,
            )


def keep_in_eval_mode(model: GaitModel, names: list[str]) -> None:
    """Put parts of a model into eval mode: their norms keep their running statistics."""
    for name, module in model.named_modules():
        if any(name == frozen for frozen in names):
            module.eval()


def under(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """What of a state dict lies under a prefix, by its keys without it; a lone weight by an empty one."""
    if not prefix:
        return dict(state)
    return {
        key[len(prefix) :].removeprefix("."): value for key, value in state.items() if _is_under(key, prefix)
    }


def missing_part_error(model: GaitModel, name: str, where: str = "trainer_cfg.init") -> ConfigError:
    """The error for a part that the model does not have."""
    return ConfigError(
        f"{type(model).__name__} has no part {name!r}", where=where, hint=_meant(name, model.state_dict())
    )


def _meant(name: str, state: Mapping[str, Any]) -> str:
    tops = list(dict.fromkeys(key.partition(".")[0] for key in state))
    return did_you_mean(name, [*tops, *_inner(state)], also=f"available: {', '.join(tops)}")


def _inner(state: Mapping[str, Any]) -> Iterator[str]:
    for key in state:
        names = key.split(".")
        yield from (".".join(names[:end]) for end in range(2, len(names)))


def _advice(part: Part, report: LoadReport) -> str:
    if report.head is not None:
        return (
            f"the file's classifier is for {report.head.file} identities, the model's for "
            f"{report.head.model}: set the model's class_num, or leave the classifier out by drop_head: true"
        )
    if not report.fitting:
        return "give the part of the file as prefix: gait-plugins checkpoint show FILE lists the parts"
    return "strict: false takes the weights that fit; gait-plugins checkpoint show FILE lists its parts"


def _is_under(key: str, prefix: str) -> bool:
    return key == prefix or key.startswith(f"{prefix}.")


def _joined(prefix: str, key: str) -> str:
    return ".".join(name for name in (prefix, key) if name)

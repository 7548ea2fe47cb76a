"""Parts of a model that start from the weights of other trainings (``trainer_cfg.init``)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from gait_plugins.api import FeatureExtractor, GaitModel
from gait_plugins.core.checkpoints.compare import LoadReport, compare_states, first_of, may_lack
from gait_plugins.core.checkpoints.files import Checkpoint, load_checkpoint, take_weights
from gait_plugins.core.weights.lookup import located
from gait_plugins.errors import CheckpointError, ConfigError, GaitPluginsError
from gait_plugins.io.atomic import file_sha256
from gait_plugins.io.weights.part_of_file import split_part
from gait_plugins.suggest import did_you_mean

log = logging.getLogger("gait_plugins")

_OWN = (
    "trainer_cfg.init names this file: name your own there, or start without weights by "
    "-o trainer_cfg.init={}"
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


def brought_records(model: GaitModel) -> list[dict[str, Any]]:
    """Records, as :func:`load_part` gives them, of parts that brought their weights with them."""
    parts = ((name, each) for name, each in model.named_modules() if isinstance(each, FeatureExtractor))
    told = ((name, each.weights_record()) for name, each in parts)
    fits: dict[str, Any] = {"prefix": "", "missing": 0, "unexpected": 0, "mismatched": 0}
    return [{"part": name, "brought": True, **fits, **record} for name, record in told if record is not None]


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
    """Warn of frozen parts, or frozen layers of parts, that get no weights: theirs would stay random.

    Args:
        model: its frozen parameters as they are in training.
        parts: what takes weights from elsewhere.
    """
    # A model of another host has neither.
    excused = {*getattr(model, "followers", ()), *getattr(model, "idle", ())}
    counted = [key for key, _ in model.named_parameters() if not any(_is_under(key, one) for one in excused)]
    given = [part.target for part in parts]
    for name, child in model.named_children():
        frozen = [_joined(name, below) for below in _frozen(child)]
        random = [one for one in frozen if not any(_share(one, target) for target in given)]
        told = [one for one in random if any(_is_under(key, one) for key in counted)]
        if told:
            log.warning(
                "%s of %s %s and %s no weights: %s weights stay random; "
                "give a stage or a file for %s with init: {%s: ...}",
                ", ".join(told),
                type(model).__name__,
                *(
                    ("is frozen", "takes", "its", "it")
                    if len(told) == 1
                    else ("are frozen", "take", "their", "them")
                ),
                name,
            )


def _share(name: str, target: str) -> bool:
    """Whether a target holds a module, or some of it."""
    return not target or _is_under(name, target) or _is_under(target, name)


def _frozen(module: nn.Module) -> tuple[str, ...]:
    """The outermost modules with weights, none of them trained; ``("",)`` where it is the module itself."""
    trained = [parameter.requires_grad for parameter in module.parameters()]
    if all(trained):
        return ()
    if not any(trained):
        return ("",)
    below = ((name, _frozen(child)) for name, child in module.named_children())
    return tuple(_joined(name, one) for name, frozen in below for one in frozen)


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

"""Models of the checkout as the core's: ``opengait/GaitSet`` is ``GaitSet`` here, made when asked for."""

from __future__ import annotations

import copy
import logging
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
import yaml
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.config.options.annotations import AUTO
from gait_plugins.config.plain import flat_settings
from gait_plugins.errors import ConfigError
from gait_plugins.nn import split_lengths
from gait_plugins.suggest import did_you_mean
from upstream_patches.adapters.start import class_number
from upstream_patches.checkout.tree import Checkout
from upstream_patches.host.construct import NetworkAlone
from upstream_patches.host.counterparts import STACKED, TIME_SECOND, usual_streams
from upstream_patches.host.groups import recorded_groups
from upstream_patches.host.importing import imported
from upstream_patches.host.listing import PREFIX, found_as, listing

log = logging.getLogger("gait_plugins")

SECTIONS = ("data_cfg", "loss_cfg", "optimizer_cfg", "scheduler_cfg", "trainer_cfg", "evaluator_cfg")


class CheckoutModel:
    """What every model of the checkout has here in place of OpenGait's trainer.

    In eval mode sequences are embedded one at a time, as OpenGait's own tests do: some of its models
    demand it, and in others a packed batch leaks from one sequence into the next.

    Args:
        cfgs: section -> key -> value of what the model reads beside ``model_cfg``; filled in from those
            sections.
        model_cfg: the keys of OpenGait's ``model_cfg``, as they are.
    """

    checkout_base: ClassVar[type[nn.Module]]
    """The checkout's ``BaseModel``."""
    num_classes: int | None

    def __init__(self, cfgs: Mapping[str, Any] | None = None, **model_cfg: Any) -> None:
        given = copy.deepcopy(dict(cfgs or {}))
        whole = {**{name: {} for name in SECTIONS}, **given, "model_cfg": copy.deepcopy(model_cfg)}
        whole["model_cfg"]["model"] = type(self).__name__
        self._schedule: LRScheduler | None = None
        try:
            super().__init__(whole, True)  # type: ignore[call-arg]
        except KeyError as error:
            raise ConfigError(
                f"{PREFIX}/{type(self).__name__} needs the key {error} in its configuration",
                hint=_missing_key(type(self).__name__, str(error.args[0])),
            ) from error
        self.num_classes = class_number(model_cfg)
        self._warn_of_unread_keys(model_cfg)

    def _warn_of_unread_keys(self, model_cfg: Mapping[str, Any]) -> None:
        """Warn of keys that the model does not read; OpenGait ignores them, misspelt options too."""
        name = type(self).__name__
        found = found_as("model", name)
        for key in sorted(set(model_cfg) - found.mentioned):
            unread = f"model_cfg.{key}: {PREFIX}/{name} does not read this key"
            log.warning("; ".join(filter(None, (unread, did_you_mean(key, found.words - set(model_cfg))))))

    @classmethod
    def check_options(cls, **options: Any) -> None:
        """OpenGait's models say of no option what it means, so that none can be counted."""
        for name, value in flat_settings(options).items():
            if value == AUTO and name.rpartition(".")[2] == "class_num":
                raise ConfigError(
                    f"takes a number for {name}, not {AUTO!r}: it is a model of OpenGait",
                    hint=f"write how many identities the training set has: -o model_cfg.{name}=NUMBER",
                )

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """Those of this package's model of the same name."""
        written = {key: value for key, value in options.items() if key != "cfgs"}
        return usual_streams(cls.__name__, written)

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """What the checkout's ``forward`` returns for OpenGait's five-part batch."""
        forward = super().forward  # type: ignore[misc]
        name = type(self).__name__
        batch = stacked(batch) if name in STACKED else batch

        def embedded(given: GaitBatch) -> Any:
            inputs = [x.transpose(1, 2) for x in given.inputs] if name in TIME_SECOND else given.inputs
            return forward((inputs, *tuple(given)[1:]))

        with where_it_lies(batch.inputs[0].device):
            if self.training:  # type: ignore[attr-defined]
                return cast("ModelOutput", embedded(batch))
            return cast("ModelOutput", joined([embedded(alone) for alone in one_by_one(batch)]))

    @property
    def iteration(self) -> int:
        """Steps taken, as OpenGait counts them; some models change their learning rate by it."""
        return 0 if self._schedule is None else int(self._schedule.last_epoch)

    def parameter_groups(self, optimizer_cfg: Mapping[str, Any]) -> Iterable[Any]:
        """What the model's own ``get_optimizer`` hands its optimiser, where it has one."""
        network = cast("Any", self)
        if type(network).get_optimizer is cast("Any", self.checkout_base).get_optimizer:
            return [p for p in network.parameters() if p.requires_grad]
        return recorded_groups(network, optimizer_cfg)

    def schedule(self, optimizer: Optimizer, configured: Callable[[], LRScheduler]) -> LRScheduler:
        """The configured one; the model's own code may look at it and at the optimiser."""
        # Past nn.Module: neither is a part of the network.
        object.__setattr__(self, "optimizer", optimizer)
        object.__setattr__(self, "_schedule", configured())
        return cast("LRScheduler", self._schedule)


def _missing_key(model: str, key: str) -> str:
    """Which configuration of the checkout gives a model the key that it needs, if any does."""
    found = found_as("model", model)
    path = found.key(key)
    root = listing().checkout.root
    for file in sorted((root / "configs").rglob("*.yaml")):
        try:
            written = yaml.safe_load(file.read_text(encoding="utf-8"))["model_cfg"]
        except (yaml.YAMLError, OSError, KeyError, TypeError, ValueError):
            continue
        if written.get("model") == model and _has(written, key):
            return f"set {path}, as {file.relative_to(root)} of the checkout does"
    return f"set {path}; no configuration of the checkout does, so see {found.module} for its meaning"


def _has(value: Any, key: str) -> bool:
    if isinstance(value, Mapping):
        return key in value or any(_has(item, key) for item in value.values())
    return isinstance(value, list | tuple) and any(_has(item, key) for item in value)


@lru_cache(maxsize=256)
def _made(root: Path, name: str, module: str) -> type[GaitModel]:
    checkout = Checkout(root)
    base = imported(checkout, "modeling.base_model").BaseModel
    original = getattr(imported(checkout, module), name)
    alone = types.new_class("NetworkAlone", (NetworkAlone, base))
    body = {
        "__module__": __name__,
        "__qualname__": name,
        "__doc__": original.__doc__ or f"The model {name} of the OpenGait checkout.",
        "checkout_base": base,
        "stands_for": original,
    }
    bases = (CheckoutModel, original, alone, GaitModel)
    return cast("type[GaitModel]", types.new_class(name, bases, {}, lambda made: made.update(body)))


def __getattr__(name: str) -> Any:
    return _made(listing().checkout.root, name, found_as("model", name).module)


def stacked(batch: GaitBatch) -> GaitBatch:
    """All streams as the channels of one, ``[n, s, c, h, w]``."""
    parts = [x.unsqueeze(2) if x.dim() == 4 else x for x in batch.inputs]
    return GaitBatch([torch.cat(parts, 2)], batch.labels, batch.types, batch.views, batch.seq_lens)


@contextmanager
def where_it_lies(device: torch.device) -> Iterator[None]:
    """On a CPU, ``tensor.cuda(...)`` in the checkout's networks leaves the tensor there for a while."""
    if device.type != "cpu":
        yield
        return
    moved = torch.Tensor.cuda
    torch.Tensor.cuda = lambda tensor, *_, **__: tensor  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.Tensor.cuda = moved  # type: ignore[method-assign]


def one_by_one(batch: GaitBatch) -> Iterator[GaitBatch]:
    """Each sequence of a batch as a batch of its own, ``[1, s, ...]``."""
    lengths = split_lengths(batch.seq_lens)
    apart = [torch.split(x, 1) if lengths is None else torch.split(x, lengths, 1) for x in batch.inputs]
    for i, sources in enumerate(zip(*apart, strict=True)):
        one = slice(i, i + 1)
        yield GaitBatch(list(sources), batch.labels[one], batch.types[one], batch.views[one], None)


def joined(outputs: Sequence[Any]) -> Any:
    """Equal structures as one: tensors ``[1, ...]`` of each sequence below one another."""
    first = outputs[0]
    if len(outputs) == 1:
        return first
    if isinstance(first, Mapping):
        return {key: joined([output[key] for output in outputs]) for key in first}
    if isinstance(first, Tensor):
        return torch.cat(list(outputs)) if first.dim() else torch.stack(list(outputs))
    return list(outputs)

"""Finding weights in a checkpoint of any tool: under which keys they lie, and behind which prefix."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch

from gait_plugins.errors import CheckpointError
from gait_plugins.suggest import did_you_mean

_NAMES = (
    *("model", "state_dict", "model_state_dict", "model_state", "net", "network", "net_state_dict"),
    *("network_state_dict", "module", "params", "weights", "model_weights"),
    *("student", "encoder", "backbone", "generator"),
)
"""Keys that weights lie under, the likeliest first."""
_SECOND = re.compile(r"(^|[._])(ema|swa|averaged?|teacher|momentum|shadow|best)([._]|$)", re.IGNORECASE)
"""Keys of second sets of weights, which are taken where asked for or where they alone fit."""
_OTHER_THINGS = re.compile(
    r"(optim|sched|lr_|scaler|rng|random|callbacks|loops|hyper_?param|message_hub|loss|criterion|amp$|args$|"
    r"config|cfg|metrics|datamodule)",
    re.IGNORECASE,
)
"""What keys of other things than weights begin with."""
_DEEPEST = 3

_INNER = re.compile(r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""What torch.compile and its kin put into keys, wherever they wrap."""
_WRAPPERS = ("module.", "_forward_module.")
"""What data-parallel training puts before every key."""
_HOLDERS = ("model.",)
"""What a trainer's own module puts before every key of the network that it holds."""
_COUNT = "n_averaged"
"""How many networks an averaged one is the mean of."""
_SWAPPED = (
    "MMEngine wrote the file: the averaged weights are under 'state_dict', those of the last step under "
    "'ema_state_dict'"
)
_ENOUGH = 0.25
"""Share of the wanted weights that must be found behind a prefix before the rest of a file is left out."""
_JOINED = _NAMES.index("student") + 0.5
"""Where among the keys a network stands that was saved part by part: before what may be one of its parts."""
_STRAY = len(_NAMES) + 1
"""The place of tensors beside mappings that hold more of them."""
_SHOWN = 8


@dataclass(frozen=True)
class Found:
    """Weights as they were found in a file."""

    keys: tuple[str, ...]
    """The keys that lead to them in the file; empty where they are the file."""
    weights: Mapping[str, Any]
    prefix: str = ""
    """What their names begin with in the file, without the wrappers of data-parallel training."""
    left: tuple[str, ...] = ()
    """Names beside that prefix, which are left out."""
    others: tuple[str, ...] = ()
    """Other weights of the file, as ``FILE#PART`` names them."""
    alike: tuple[str, ...] = ()
    """Those of the others that fit as well."""
    note: str = ""
    """What is not as the keys say; empty for most files."""

    @property
    def part(self) -> str:
        """How ``FILE#PART`` names them; empty where they are the file."""
        return ".".join(self.keys)

    @property
    def title(self) -> str:
        """Where they are, in words."""
        place = repr(self.part) if self.keys else "the file itself"
        return f"{place}, their names without {self.prefix!r}" if self.prefix else place


def find_weights(
    content: Mapping[Any, Any], like: Mapping[str, Any] | None, part: str | None
) -> Found | None:
    """The weights in a checkpoint; of several those that fit best, or else those under the likeliest key.

    Args:
        content: what the file holds.
        like: weights by the names that are wanted; of them only the shapes count. None: any.
        part: the keys that lead to the weights, joined by dots; None: not given.

    Raises:
        CheckpointError: there is no such part; the file is not named.
    """
    sets = sorted(_sets(content, ()), key=_rank)
    chosen = sets if part is None else [_asked(sets, part)]
    if not chosen:
        return None
    found, one = _best(chosen, like) if like else (_without_holder(chosen[0]), chosen[0])
    # The parts of a network that was saved part by part are none beside it.
    within = len(one.keys) if one.joined else _DEEPEST + 1
    others = (s.keys for s in sets if s.keys and not s.joined and s.keys[:within] != one.keys)
    note = _SWAPPED if {"message_hub", "state_dict", "ema_state_dict"} <= set(content) else ""
    return replace(found, others=tuple(map(".".join, others)), note=note)


def bare_names(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Weights by their names without what data-parallel training and torch.compile add."""
    inner = {_INNER.sub("", key): value for key, value in weights.items()}
    bare = dict(inner if len(inner) == len(weights) else weights)
    if _COUNT in bare and any(key.startswith("module.") for key in bare):
        del bare[_COUNT]
    # Only what all keys begin with is a wrapper's: a part of a network may bear such a name too.
    for wrapper in _WRAPPERS:
        if bare and all(key.startswith(wrapper) for key in bare):
            return bare_names({key.removeprefix(wrapper): value for key, value in bare.items()})
    return bare


def holdings(content: Mapping[Any, Any]) -> str:
    """What a mapping holds, its keys and kinds in words."""
    first = sorted(content.items(), key=lambda item: item[0] != "model")[:_SHOWN]
    told = [f"{key!r} is {_kind(value)}{_unlike(key, value)}" for key, value in first]
    return "; ".join(told) + "; ..." * (len(content) > _SHOWN) or "nothing"


def _unlike(key: Any, value: Any) -> str:
    return ", expected a mapping" if key == "model" and not isinstance(value, Mapping) else ""


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        kinds = {type(item).__name__ for item in value.values()}
        return f"a mapping of {len(value)} {', '.join(sorted(kinds)[:3])}" if value else "an empty mapping"
    if isinstance(value, str | int | float | None):
        return f"{value!r:.40}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return str(getattr(value, "title", type(value).__name__))


class _Set(NamedTuple):
    """Names and tensors somewhere in a file."""

    keys: tuple[str, ...]
    weights: Mapping[str, Any]
    order: float
    """Small for a likely place of the weights."""
    joined: bool = False
    """They lie in several mappings, one for each part."""

    @property
    def part(self) -> str:
        return ".".join(self.keys)


def _sets(node: Mapping[Any, Any], keys: tuple[str, ...]) -> Iterator[_Set]:
    """The mappings from names to tensors, at the top or below."""
    if not all(isinstance(key, str) for key in node) or (keys and _OTHER_THINGS.match(keys[-1])):
        return
    children = [(key, child) for key, child in node.items() if isinstance(child, Mapping)]
    inner = [] if len(keys) == _DEEPEST else [s for key, c in children for s in _sets(c, (*keys, key))]
    own = {key: value for key, value in node.items() if _is_weight(key, value)}
    if any(isinstance(value, torch.Tensor) for value in own.values()):
        yield _Set(keys, own, _STRAY if inner else _order(keys))
    yield from inner
    parts = [one for one in inner if len(one.keys) == len(keys) + 1]
    if not own and len(parts) > 1:  # a network that was saved part by part
        joined = {f"{part.keys[-1]}.{key}": value for part in parts for key, value in part.weights.items()}
        yield _Set(keys, joined, _JOINED, joined=True)


def _order(keys: tuple[str, ...]) -> float:
    if not keys:
        return -1
    return _NAMES.index(keys[-1]) if keys[-1] in _NAMES else len(_NAMES)


def _is_weight(key: str, value: Any) -> bool:
    return isinstance(value, torch.Tensor) or key.rpartition(".")[2] == "_extra_state"


def _rank(one: _Set) -> tuple[bool, float, int, int]:
    """The likelier one first: by its keys, then the larger one."""
    second = any(_SECOND.search(key) for key in one.keys)
    return second, one.order, len(one.keys), -len(one.weights)


def _asked(sets: list[_Set], part: str) -> _Set:
    for one in sets:
        if one.part == part:
            return one
    for one in sets:
        if one.keys and not part.startswith(f"{one.part}."):
            continue
        prefix = part.removeprefix(f"{one.part}.") if one.keys else part
        weights = bare_names(one.weights)
        names = {k.removeprefix(f"{prefix}."): v for k, v in weights.items() if k.startswith(f"{prefix}.")}
        if names:
            return _Set((*one.keys, prefix), names, one.order)
    available = [one.part for one in sets if one.keys]
    raise CheckpointError(
        f"the file holds no weights under {part!r}",
        hint=did_you_mean(
            part, available, also=f"it holds weights under: {', '.join(available) or 'no key'}"
        ),
    )


def _best(sets: list[_Set], like: Mapping[str, Any]) -> tuple[Found, _Set]:
    """Of the weights that fit best the likeliest; those of all parts together only where no part does."""
    fits = [(*_fitted(one, like), one) for one in sets]
    most = max(count for _, count, _ in fits)
    best = [(found, one) for found, count, one in fits if count == most]
    alone = [(found, one) for found, one in best if not one.joined] or best
    (found, one), *rest = alone
    alike = [*found.alike, *(other.part for other, _ in rest)]
    return replace(found, alike=tuple(alike) if most else ()), one


def _without_holder(one: _Set) -> Found:
    weights = bare_names(one.weights)
    for holder in _HOLDERS:
        if all(key.startswith(holder) for key in weights):
            bare = bare_names({key.removeprefix(holder): value for key, value in weights.items()})
            return Found(one.keys, bare, holder)
    return Found(one.keys, weights)


def _fitted(one: _Set, like: Mapping[str, Any]) -> tuple[Found, int]:
    """Weights by the names that fit best, and how many of those are wanted and have the wanted shape."""
    raw = {_INNER.sub("", key): value for key, value in one.weights.items()}
    bare = bare_names(one.weights)
    weights = raw if _prefixes(raw, like)[""] > _prefixes(bare, like)[""] else bare
    counts = _prefixes(weights, like)
    prefix = min(counts, key=lambda name: (-counts[name], len(name)), default="")
    if counts[prefix] <= counts[""] or counts[prefix] < _ENOUGH * len(like):
        return Found(one.keys, weights), counts[""]
    taken = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
    left = tuple(key for key in weights if not key.startswith(prefix))
    # What another prefix stands before is another network, unless the one lies within the other.
    apart = (name for name in counts if counts[name] == counts[prefix] and not name.startswith(prefix))
    alike = tuple(".".join((*one.keys, name.rstrip("."))) for name in apart)
    return Found(one.keys, taken, prefix, left, alike=alike), counts[prefix]


def _prefixes(weights: Mapping[str, Any], like: Mapping[str, Any]) -> Counter[str]:
    """What names begin with, before a wanted name of the same shape -> how many do."""
    counts: Counter[str] = Counter()
    for key, value in weights.items():
        start = 0
        while True:
            if _fits(value, like.get(key[start:])):
                counts[key[:start]] += 1
            start = key.find(".", start) + 1
            if not start:
                break
    return counts


def _fits(value: Any, wanted: Any) -> bool:
    return (
        isinstance(value, torch.Tensor)
        and wanted is not None
        and value.shape == getattr(wanted, "shape", None)
    )

"""Transforms of the checkout as the core's: ``opengait/RandomErasing`` is ``RandomErasing`` here."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np

from gait_plugins.api import Transform
from upstream_patches.checkout.tree import Checkout
from upstream_patches.host.counterparts import TIME_SECOND_AFTER
from upstream_patches.host.importing import imported
from upstream_patches.host.listing import found_as, listing


class CheckoutTransform(Transform):
    """Holds a transform of the checkout, which draws from the global generators and may change its input."""

    stands_for: ClassVar[type]
    """The checkout's class."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.transform: Callable[[np.ndarray], np.ndarray] = self.stands_for(**options)

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Frames as the checkout makes them, frames first: uint8 where it leaves them so, else float32."""
        with _drawing_from(rng):
            frames = np.asarray(self.transform(sequence.copy()))
        if _time_comes_second(type(self).__name__, self.options):
            frames = frames.swapaxes(0, 1)
        return np.ascontiguousarray(frames, np.float32 if frames.dtype.kind == "f" else None)

    def __reduce__(self) -> tuple[Any, ...]:
        # A loader's worker finds the class through this module: the checkout is not on its path.
        return _again, (type(self).__name__, self.options)


def _time_comes_second(name: str, options: Mapping[str, Any]) -> bool:
    """Whether the channels of joints lead, after a transform or the last one of a chain."""
    chain = options.get("trf_cfg") if name == "Compose" else None
    if isinstance(chain, list) and chain and isinstance(chain[-1], Mapping):
        return _time_comes_second(str(chain[-1].get("type")), chain[-1])
    return name in TIME_SECOND_AFTER


def _again(name: str, options: dict[str, Any]) -> Transform:
    return cast("Transform", __getattr__(name)(**options))


@contextmanager
def _drawing_from(rng: np.random.Generator) -> Iterator[None]:
    """The global generators of Python and numpy, seeded from ``rng`` for a while."""
    before = random.getstate(), np.random.get_state()
    random.seed(int(rng.integers(2**63)))
    np.random.seed(int(rng.integers(2**32)))
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


@lru_cache(maxsize=128)
def _made(root: Path, name: str, module: str) -> type[Transform]:
    original = getattr(imported(Checkout(root), module), name)
    body: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": original.__doc__ or f"The transform {name} of the OpenGait checkout.",
        "stands_for": original,
    }
    if original.__init__ is object.__init__:
        body["__init__"] = _without_options
    else:
        # Its own options are those that YAML may hold.
        body["__init__"] = functools.wraps(original.__init__)(_with_options)
    return type(name, (CheckoutTransform,), body)


def _without_options(self: CheckoutTransform) -> None:
    CheckoutTransform.__init__(self)


def _with_options(self: CheckoutTransform, **options: Any) -> None:
    CheckoutTransform.__init__(self, **options)


def __getattr__(name: str) -> Any:
    return _made(listing().checkout.root, name, found_as("transform", name).module)

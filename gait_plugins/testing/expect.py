"""Shared helpers of the checks: what they are given, conditions in words, a guard of random states."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

T = TypeVar("T")


def maker(given: T | Callable[[], T], base: type[T]) -> Callable[[], T]:
    """What makes a component anew, of what a check is given: its class, another function, or an instance."""
    if isinstance(given, base):
        return lambda: copy.deepcopy(given)
    make: Any = given

    def made_anew() -> T:
        found = make()
        expect(isinstance(found, base), f"{found!r} was made, expected an instance of {base.__name__}")
        component: T = found
        return component

    return made_anew


def made(given: T | Callable[[], T], base: type[T]) -> T:
    """The component that a check is given: an instance itself, or what its class or a function makes."""
    return given if isinstance(given, base) else maker(given, base)()


def expect(holds: bool, contract: str) -> None:
    """Raise ``AssertionError`` that names the broken contract, also under ``python -O``."""
    if not holds:
        raise AssertionError(contract)


def near(actual: Tensor, expected: Tensor, tolerance: float = 1e-4) -> bool:
    """Same shape, and no further apart than ``tolerance`` of the largest value."""
    if actual.shape != expected.shape:
        return False
    reach = float(expected.detach().abs().max()) if expected.numel() else 0.0
    return bool(((actual - expected).detach().abs() <= tolerance * max(reach, 1e-6)).all())


@contextmanager
def global_random_states_untouched() -> Iterator[None]:
    """Fail where the body draws from a global generator: batches would depend on the worker count."""
    before = random.getstate(), str(np.random.get_state()), torch.get_rng_state()
    yield
    after = random.getstate(), str(np.random.get_state()), torch.get_rng_state()
    expect(before[0] == after[0], "the component draws from Python's global random state, not from rng")
    expect(before[1] == after[1], "the component draws from numpy's global random state, not from rng")
    expect(
        torch.equal(before[2], after[2]), "the component draws from torch's global random state, not from rng"
    )

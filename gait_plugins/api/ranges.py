"""Range checks of numbers given as options."""

from __future__ import annotations

from collections.abc import Sequence

from gait_plugins.errors import ConfigError


def number_within(owner: str, option: str, value: float, low: float, high: float) -> float:
    """``value`` as a float where it lies in ``[low, high]``.

    Raises:
        ConfigError: it does not; names the component and the option.
    """
    if not _is_number(value) or not low <= value <= high:
        raise ConfigError(
            f"{option} of {owner} is {value!r}, expected a number from {low:g} to {high:g}", where=owner
        )
    return float(value)


def range_within(
    owner: str, option: str, given: Sequence[float], low: float, high: float
) -> tuple[float, float]:
    """Lowest and highest value where they are an ordered pair in ``[low, high]``.

    Raises:
        ConfigError: they are not; names the component and the option.
    """
    if len(given) != 2 or not all(map(_is_number, given)) or not low <= given[0] <= given[1] <= high:
        raise ConfigError(
            f"{option} of {owner} is {list(given)}, expected [lowest, highest] within {low:g} and {high:g}",
            where=owner,
        )
    return float(given[0]), float(given[1])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

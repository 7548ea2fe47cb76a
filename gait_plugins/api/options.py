"""Options of components: example options, checks of options, and ranges of numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from gait_plugins.errors import ConfigError


class CountedClasses:
    """Marks an option as the number of classes that are trained; see :data:`ClassCount`."""

    def __get_pydantic_json_schema__(self, core: Any, describe: Callable[[Any], dict[str, Any]]) -> Any:
        """The number, or ``auto``."""
        return {"anyOf": [describe(core), {"const": "auto"}]}


ClassCount = Annotated[int, CountedClasses()]
"""The number of identities that are trained, as an option of a model or a loss.

It is an ``int`` in Python. A configuration may say ``auto``: a training counts the identities of its training
set, those that ``data_cfg.validation`` holds out excepted, or the classes of ``data_cfg.classes``. The number
is written to the run folder and the checkpoints. A constructor, and ``check_options``, get the number.
"""


class HasExample:
    """Offers options that a component can be tried with, and checks those that it is given."""

    ignored_options: ClassVar[Mapping[str, str]] = {}
    """Options that people write for it and that have no effect -> why, or what to write instead. In a
    configuration they are a warning, no error."""

    indifferent_options: ClassVar[frozenset[str]] = frozenset()
    """Options that change no number of a training, such as where a cache lies: a training that is resumed
    may have others than it began with."""

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Options, as YAML holds them, of an instance that runs in a second.

        Needed only where an option is required or the defaults are large. Whoever tries every
        installed component builds it from these: see ``gait_plugins.testing``.
        """
        return {}

    @classmethod
    def check_options(cls, **options: Any) -> None:
        """See whether options fit together, as a configuration is checked; nothing is made or read.

        Args:
            options: those that are written, as YAML holds them, each already of its declared type.

        Raises:
            ConfigError: they do not; the message continues after the component's name: ``needs ...``.
        """


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

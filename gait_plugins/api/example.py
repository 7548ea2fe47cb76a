"""Example options and checks of options, which every component can offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class HasExample:
    """Offers options that a component can be tried with, and checks those that it is given."""

    ignored_options: ClassVar[Mapping[str, str]] = {}
    """Options that people write for it and that have no effect -> why, or what to write instead. In a
    configuration they are a warning, no error."""

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

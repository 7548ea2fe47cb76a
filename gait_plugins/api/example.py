"""A small instance of any component, for whoever wants to try all of them."""

from __future__ import annotations

from typing import Any


class HasExample:
    """Offers options that a component can be tried with."""

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Options, as YAML holds them, of an instance that runs in a second.

        Needed only where an option is required or the defaults are large. Whoever tries every
        installed component builds it from these: see ``gait_plugins.testing``.
        """
        return {}

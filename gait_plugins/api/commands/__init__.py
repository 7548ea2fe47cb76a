"""Options that every command has in common, for commands of this program and of plugins."""

from gait_plugins.api.commands.options import (
    Fast,
    Overrides,
    chosen_out,
    old_option,
    out_option,
    override_option,
    with_fast,
    without_old_out,
)

__all__ = [
    "Fast",
    "Overrides",
    "chosen_out",
    "old_option",
    "out_option",
    "override_option",
    "with_fast",
    "without_old_out",
]

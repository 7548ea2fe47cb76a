"""Options that every command has in common, for commands of this program and of plugins."""

from gait_plugins.api.commands.options import (
    Overrides,
    chosen_out,
    old_option,
    out_option,
    override_option,
    without_old_out,
)

__all__ = ["Overrides", "chosen_out", "old_option", "out_option", "override_option", "without_old_out"]

"""A module of the host and a component that hold the very same parameters, buffers and children."""

from __future__ import annotations

from typing import Any

from torch import nn
from typing_extensions import Self

from gait_plugins.errors import UpstreamMismatch

STATE = ("_parameters", "_buffers", "_modules")
# The hooks that ``state_dict`` and ``load_state_dict`` call on the module they are called on.
STATE_HOOKS = ("_state_dict_pre_hooks", "_state_dict_hooks", "_load_state_dict_post_hooks")


class SharesState(nn.Module):
    """Stands between a base class of the host and a component.

    The component is no child of the host's module, or its name would enter the keys. Both keep their
    parameters, buffers and children in the same mappings instead: what either replaces, the other sees.
    """

    component: nn.Module

    def share(self, component: nn.Module) -> None:
        """Take over the component's state.

        Raises:
            UpstreamMismatch: the host's base class has something of the same name.
        """
        for name in STATE:
            ours, theirs = vars(component)[name], vars(self)[name]
            if clash := sorted(set(ours) & set(theirs)):
                raise UpstreamMismatch(
                    f"{type(component).__qualname__} and the host's base class both have {clash}",
                    where=type(self).__qualname__,
                    hint="rename the component's attributes, or report the host's version",
                )
            ours.update(theirs)
        vars(component)["_non_persistent_buffers_set"] |= vars(self)["_non_persistent_buffers_set"]
        shared = (*STATE, *STATE_HOOKS, "_non_persistent_buffers_set")
        vars(self).update({name: vars(component)[name] for name in shared})
        object.__setattr__(self, "component", component)

    def train(self, mode: bool = True) -> Self:
        """Switch both; the component has the last word, it may keep a frozen part in eval mode."""
        super().train(mode)
        if "component" in vars(self):
            self.component.train(mode)
        return self

    def _save_to_state_dict(self, *args: Any) -> None:
        self.component._save_to_state_dict(*args)

    def _load_from_state_dict(self, *args: Any) -> None:
        self.component._load_from_state_dict(*args)

"""A plugin whose loss is called as a built-in one."""

from gait_plugins import Loss, hookimpl


class CrossEntropyLoss(Loss):
    """Another loss of that name."""


@hookimpl
def gait_losses():
    return {"CrossEntropyLoss": "conflicting_gait:CrossEntropyLoss"}

"""The manifest: what this package offers. It imports no torch, so that listing it costs nothing."""

from gait_plugins import hookimpl

requires_api = 1


@hookimpl
def gait_models():
    return {"StripNet": "strip_gait.components:StripNet"}


@hookimpl
def gait_losses():
    return {"CompactLoss": "strip_gait.components:CompactLoss"}


@hookimpl
def gait_frame_samplers():
    return {"EveryOther": "strip_gait.components:EveryOther"}


@hookimpl
def gait_transforms():
    return {"Dilate": "strip_gait.components:Dilate"}


@hookimpl
def gait_run_begin(run):
    from strip_gait.components import BestLoss

    run.attach(BestLoss())

"""walk-streams: a data set, a joint transform and a model of three streams."""

from gait_plugins import hookimpl

_HERE = "walk_streams.components"


@hookimpl
def gait_datasets():
    return {"StickWalks": f"{_HERE}:StickWalks"}


@hookimpl
def gait_joint_transforms():
    return {"MirrorWalk": f"{_HERE}:MirrorWalk"}


@hookimpl
def gait_models():
    return {"ThreeStreams": f"{_HERE}:ThreeStreams"}

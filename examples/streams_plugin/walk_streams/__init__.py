"""walk-streams: a data set, a joint transform and a model of three streams."""

from gait_plugins import hookimpl


@hookimpl
def gait_datasets():
    return {"StickWalks": "walk_streams.components:StickWalks"}


@hookimpl
def gait_joint_transforms():
    return {"MirrorWalk": "walk_streams.components:MirrorWalk"}


@hookimpl
def gait_models():
    return {"ThreeStreams": "walk_streams.components:ThreeStreams"}

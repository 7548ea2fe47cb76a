"""gait-rtmlib: joints of people in films, by RTMPose."""

from gait_plugins import hookimpl


@hookimpl
def gait_pose_estimators():
    return {"RTMPose": "gait_rtmlib.estimator:RTMPose"}

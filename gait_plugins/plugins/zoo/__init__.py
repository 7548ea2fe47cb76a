"""OpenGait's components: GaitBase, losses, transforms, samplers, the data layout and protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gait_plugins.hookspecs import Contribution, hookimpl

if TYPE_CHECKING:
    from gait_plugins.api import PublishedWork

requires_api = 1
_HERE = "gait_plugins.plugins.zoo"


@hookimpl
def gait_models() -> Contribution:
    return {
        "Baseline": f"{_HERE}.models.baseline:Baseline",
        "GEI": f"{_HERE}.models.gei:GaitEnergyImage",
        "DeepGaitV2": f"{_HERE}.models.deepgaitv2:DeepGaitV2",
        "SwinGait": f"{_HERE}.models.swingait:SwinGait",
        "GaitSSB_Pretrain": f"{_HERE}.models.gaitssb:GaitSSBPretrain",
        "GaitSSB_Finetune": f"{_HERE}.models.gaitssb:GaitSSBFinetune",
        "GaitSet": f"{_HERE}.models.gaitset:GaitSet",
        "GaitPart": f"{_HERE}.models.gaitpart:GaitPart",
        "GaitGL": f"{_HERE}.models.gaitgl:GaitGL",
        "SkeletonGaitPP": f"{_HERE}.models.maps.skeletongaitpp:SkeletonGaitPP",
        "MultiGaitpp": f"{_HERE}.models.maps.multigaitpp:MultiGaitpp",
        "ScoNet": f"{_HERE}.models.maps.sconet:ScoNet",
        "GLN": f"{_HERE}.models.gln:GLN",
    }


@hookimpl
def gait_backbones() -> Contribution:
    return {"ResNet9": f"{_HERE}.models.resnet:ResNet9", "Plain": f"{_HERE}.models.plain:Plain"}


@hookimpl
def gait_losses() -> Contribution:
    return {
        "TripletLoss": f"{_HERE}.losses.triplet:TripletLoss",
        "CrossEntropyLoss": f"{_HERE}.losses.cross_entropy:CrossEntropyLoss",
        "SupConLoss": f"{_HERE}.losses.contrastive:SupConLoss",
        "SupConLoss_Re": f"{_HERE}.losses.contrastive:DotSupConLoss",
        "SupConLoss_Lp": f"{_HERE}.losses.contrastive:DistanceSupConLoss",
        "BinaryCrossEntropyLoss": f"{_HERE}.losses.segmentation:BinaryCrossEntropyLoss",
    }


@hookimpl
def gait_streams() -> Contribution:
    names = ("SkeletonMaps", "Parsing", "Maps", "Film", "Points", "Smpl", "Ratios")
    own = {
        "Silhouettes": "gait_plugins.api.census.silhouettes:Silhouettes",
        "Stream": "gait_plugins.api.stream:Stream",
        "Keypoints": "gait_plugins.skeleton.keypoints:Keypoints",
    }
    return own | {name: f"{_HERE}.data.streams:{name}" for name in names}


@hookimpl
def gait_transforms() -> Contribution:
    names = {
        "BaseSilTransform": "silhouette",
        "BaseSilCuttingTransform": "silhouette",
        "Compose": "compose",
        "NoOperation": "compose",
        "RandomHorizontalFlip": "augment",
        "BothSides": "augment",
        "RandomErasing": "augment",
        "RandomRotate": "warp",
        "RandomPerspective": "warp",
        "RandomAffine": "warp",
        "RandomPartDilate": "body_bands",
        "RandomPartBlur": "body_bands",
    }
    listed = {name: f"{_HERE}.transforms.{module}:{name}" for name, module in names.items()}
    return listed | {"DA4GaitSSB": f"{_HERE}.transforms.body_bands:GaitSSBAugmentation"}


@hookimpl
def gait_joint_transforms() -> Contribution:
    return {"JointPictures": f"{_HERE}.transforms.joint_pictures:JointPictures"}


@hookimpl
def gait_frame_samplers() -> Contribution:
    return {"random": f"{_HERE}.data.frame_sampling:OpenGaitFrames"}


@hookimpl
def gait_batch_samplers() -> Contribution:
    return {
        "TripletSampler": f"{_HERE}.data.batch_sampling:TripletSampler",
        "CommonSampler": f"{_HERE}.data.batch_sampling:CommonSampler",
        "BilateralSampler": f"{_HERE}.data.batch_sampling:BilateralSampler",
        "InferenceSampler": f"{_HERE}.data.batch_sampling:InferenceSampler",
    }


@hookimpl
def gait_datasets() -> Contribution:
    return {
        "ImageFolders": f"{_HERE}.data.image_folders:ImageFolders",
        "OpenGaitLayout": f"{_HERE}.data.layout:OpenGaitLayout",
        "PackedSilhouettes": f"{_HERE}.data.packed_dataset:PackedSilhouettes",
    }


@hookimpl
def gait_protocols() -> Contribution:
    names = {
        "evaluate_indoor_dataset": "indoor:IndoorProtocol",
        "evaluate_Gait3D": "gait3d:Gait3DProtocol",
        "evaluate_FreeGait": "gait3d:FreeGaitProtocol",
        "evaluate_CCGR_MINI": "gait3d:CCGRMiniProtocol",
        "evaluate_CCPG": "ccpg:CCPGProtocol",
        "evaluate_real_scene": "real_scene:RealSceneProtocol",
        "GREW_submission": "submissions:GREWSubmission",
        "HID_submission": "submissions:HIDSubmission",
        "evaluate_own_data": "own_data:OwnDataProtocol",
        "evaluate_classes": "classes:ClassProtocol",
        "evaluate_scoliosis": "classes:ScoliosisProtocol",
    }
    return {name: f"{_HERE}.protocols.{target}" for name, target in names.items()}


@hookimpl
def gait_configure(config: dict[str, Any]) -> None:
    """What OpenGait's files leave to its code: where options, classes and joint transforms belong."""
    from gait_plugins.plugins.zoo import config_compat

    config_compat.move_cosine_steps(config)
    config_compat.join_transforms(config)
    config_compat.count_channels(config)
    config_compat.name_classes(config)


@hookimpl
def gait_works() -> dict[str, PublishedWork]:
    from gait_plugins.plugins.zoo.works import WORKS

    return WORKS

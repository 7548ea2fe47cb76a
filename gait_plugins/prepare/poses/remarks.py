"""Remarks about poses: each with what to do about it."""

from __future__ import annotations

from gait_plugins.prepare.poses.people import BY_PLACE, BY_TRACK, FIRST
from gait_plugins.prepare.poses.tables import GAPS
from gait_plugins.prepare.remarks import HIDDEN, NO_FRAMES, OTHERS, RATHER_SHORT, TOO_SHORT

NOBODY = "frames show nobody, or no joint of the person, and are left out"
GONE = "frames do not show the person who was taken, and are left out"
DAMAGED = "files of poses cannot be read"
OTHER_KIND = "files hold no poses and are left out"
SEVERAL_FILES = "sequences are left out: several files, each with many frames"
MIXED = "sequences are left out: their frames have different joints"
JOINTS = "sequences are left out: their joints are of another order"
NO_CONFIDENCE = "sequences hold no confidence: it is 1 for joints that were found"
NOT_FINITE = "sequences hold NaN, infinity or absurd numbers: such joints count as not found"
CUT = "sequences have larger skeletons: their first 17 joints, which are COCO's, are taken"
NEVER = "sequences lack a joint in all their frames"
FLAT = "frames whose joints all have one height are left out"
BRIEF = "sequences have 60 frames or fewer, which GaitGraph leaves out"
MISFITS = "files do not fit the layout and are left out"
REFUSALS = (JOINTS, MIXED, SEVERAL_FILES, OTHER_KIND, DAMAGED, GONE)
"""Remarks that leave a sequence out, and whose advice helps."""

_ANOTHER = "--person N chooses another (a track, or a place in the list); use another TARGET"


def fixes_of(shortest: int) -> dict[str, str]:
    """Every remark that may be made of poses -> what to do about it.

    Args:
        shortest: frames that a sequence needs at least.
    """
    return {
        NO_FRAMES: "see the remarks about its frames; the next run tries the sequence again",
        TOO_SHORT.format(shortest): "take longer tracks, or lower --min-frames",
        JOINTS: "prepare them by themselves into another TARGET, or give all one order with --reorder coco17",
        MIXED: "estimate all frames of a sequence with one model",
        SEVERAL_FILES: "name the file of each sequence by --pattern, as '{id}/{type}/{view}/{file}.json'",
        DAMAGED: "copy or estimate them again, delete the sequence's .pkl, and run again",
        OTHER_KIND: "move them out of the folder, or describe the files of poses with --pattern",
        BY_TRACK: _ANOTHER,
        BY_PLACE: f"look at some; {_ANOTHER}",
        FIRST: f"--index DIR names the folder of index files that tell who is meant; {_ANOTHER}",
        GONE: "nothing to do, unless there are many",
        NOBODY: "nothing to do, unless there are many",
        GAPS: "nothing to do: GaitGraph skips them too",
        NO_CONFIDENCE: "nothing to do; better have the estimator write its confidence",
        NOT_FINITE: "nothing to do, unless there are many",
        CUT: "nothing to do",
        NEVER: "nothing to do; in skeleton maps they are not drawn, and move neither centre nor height",
        FLAT: "nothing to do, unless there are many",
        BRIEF: "nothing to do; --min-frames 61 leaves them out too, with another TARGET",
        RATHER_SHORT: "they are written, but less than half a step is hardly enough for recognition",
        MISFITS: "move them into the layout, or describe their layout with --pattern",
        OTHERS: "nothing to do",
        HIDDEN: "nothing to do",
    }

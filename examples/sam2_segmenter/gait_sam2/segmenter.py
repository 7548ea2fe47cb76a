"""People outlined by Segment Anything 2, in the boxes that another segmenter proposes."""

from dataclasses import replace

import numpy as np

import gait_plugins
from gait_plugins import DataError, Detection, Segmenter

PADDED = 0.05


class SAM2(Segmenter):
    """Outlines people by SAM 2 (Ravi et al. 2024), each in a box that another segmenter proposes.

    SAM 2 knows no people: it outlines whatever fills a box. What is proposed decides who is found.

    Args:
        proposals: the segmenter that proposes people; null: ``background``.
        model: name of the model on the Hugging Face hub, whose configuration is used too.
        checkpoint: file of its weights (.pt); null: downloaded from the hub.
        device: ``cpu`` or ``cuda``.
        quality: how good SAM 2 says that an outline is, in [0, 1], below which the proposal keeps its own.
    """

    def __init__(
        self,
        proposals: Segmenter | None = None,
        model: str = "facebook/sam2.1-hiera-tiny",
        checkpoint: str | None = None,
        device: str = "cpu",
        quality: float = 0.5,
    ):
        self.proposals = proposals or gait_plugins.build("segmenter", {"type": "background"})
        self.quality = quality
        self.predictor = _predictor(model, checkpoint, device)

    def begin(self, film, preview):
        self.proposals.begin(film, preview)

    def people(self, frame):
        proposals = list(self.proposals.people(frame))
        if not proposals:
            return []
        height, width = frame.pixels.shape[:2]
        self.predictor.set_image(np.ascontiguousarray(frame.pixels[..., ::-1]))  # it takes RGB
        boxes = np.array([_padded(person, width, height) for person in proposals], np.float32)
        masks, scores, _ = self.predictor.predict(box=boxes, multimask_output=False)
        # [n, 1, h, w] and [n, 1] of several boxes, but [1, h, w] and [1] of a single one.
        masks, scores = masks.reshape(-1, height, width), scores.reshape(-1)
        found = []
        for person, mask, score in zip(proposals, masks, scores, strict=True):
            outlined = Detection.of_mask(mask > 0, float(np.clip(score, 0, 1)), person.label)
            found.append(person if outlined is None or score < self.quality else outlined)
        return _shared_once(found)

    def remarks(self):
        return self.proposals.remarks()


def _predictor(model, checkpoint, device):
    from sam2.build_sam import HF_MODEL_ID_TO_FILENAMES, build_sam2
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    if model not in HF_MODEL_ID_TO_FILENAMES:
        known = ", ".join(HF_MODEL_ID_TO_FILENAMES)
        raise DataError(
            f"there is no model {model!r} of SAM 2", where="SAM2", hint=f"model is one of {known}"
        )
    if checkpoint is None:
        return SAM2ImagePredictor.from_pretrained(model, device=device)
    config = HF_MODEL_ID_TO_FILENAMES[model][0]
    try:
        return SAM2ImagePredictor(build_sam2(config, checkpoint, device=device))
    except (OSError, KeyError, RuntimeError) as error:
        raise DataError(
            f"the weights do not load into {model}: {error}",
            where=checkpoint,
            hint="model names the size that the file was made for",
        ) from error


def _padded(person, width, height):
    left, top, right, bottom = person.box
    across, down = PADDED * person.width, PADDED * person.height
    return max(left - across, 0), max(top - down, 0), min(right + across, width), min(bottom + down, height)


def _shared_once(people):
    """The people, each pixel that several have with the surest of them alone."""
    kept = []
    for person in sorted(people, key=lambda each: -each.score):
        mask = person.mask.copy()
        for other in kept:
            left, top = max(person.left, other.left), max(person.top, other.top)
            right, bottom = min(person.box[2], other.box[2]), min(person.box[3], other.box[3])
            if right > left and bottom > top:
                its, mine = (_view(each, (left, top, right, bottom)) for each in (other, person))
                mask[mine][other.mask[its] > 127] = 0
        rest = Detection.of_mask(mask, person.score, person.label)
        if rest is not None:
            kept.append(replace(rest, left=rest.left + person.left, top=rest.top + person.top))
    return kept


def _view(person, box):
    """Where a box of the frame is in a person's mask."""
    left, top, right, bottom = box
    return slice(top - person.top, bottom - person.top), slice(left - person.left, right - person.left)

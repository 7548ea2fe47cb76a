"""Film section of a configuration, ``video_cfg``: how people are found, and what becomes a sequence."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from gait_plugins.config.section import PART, Count, Section
from gait_plugins.config.specs import ComponentSpec


class VideoSection(Section):
    """Films: how the people in them are found and followed, and which of them become sequences."""

    segmenter: ComponentSpec = Field(
        description="what finds people in frames; type: background", json_schema_extra=PART
    )
    tracker: ComponentSpec = Field(
        description="what follows people from frame to frame; type: bodies", json_schema_extra=PART
    )
    pose_estimator: ComponentSpec | None = Field(
        None, description="what finds their joints; null: nothing does", json_schema_extra=PART
    )
    size: Literal[64, 128] = Field(64, description="height and width of the silhouettes")
    min_frames: Count = Field(20, description="silhouettes that a track has at least, to be written")
    min_move: Annotated[float, Field(ge=0)] = Field(
        0.5,
        description="way of a track in heights of the person, at least; 0 keeps what stands",
    )
    min_cycles: Annotated[float, Field(ge=0)] = Field(
        1.0, description="gait cycles, of two steps each, that its silhouettes show at least; 0: any"
    )
    min_score: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0,
        description="how sure the segmenter is that it is a person, at the median and at least; 0: anything",
    )
    rate: Annotated[float, Field(gt=0)] | None = Field(
        None, description="frames a second that are looked at, at most; null: 50"
    )
    chapter: Annotated[float, Field(gt=0)] | None = Field(
        10.0,
        description="minutes of a film after which, once nobody is in the picture, its background is learnt "
        "anew; a run that was cut off goes on from there; null: the film is one piece",
    )

    def plain(self) -> dict[str, Any]:
        """The section as YAML holds it."""
        specs = {name: getattr(self, name) for name in ("segmenter", "tracker", "pose_estimator")}
        return {**{name: spec.mapping() for name, spec in specs.items() if spec}, **super().plain()}

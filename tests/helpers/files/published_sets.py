"""Small stand-ins for the published data sets: their names, types, files in a view folder, partitions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from helpers.files.layout_files import partition, person, write

FRAMES = 2


@dataclass(frozen=True)
class Published:
    """What is published of a data set, and which test sequences make a small one of it."""

    train_identities: int | None
    protocol: str
    walks: tuple[str, ...]
    """Types of the test sequences; none where there is nothing to test on."""
    views: tuple[str, ...] = ("000", "090")
    files: int = 1
    """Files in a view folder."""
    silhouettes: int = 0
    """Which of them holds the silhouettes."""
    size: int = 64
    """Height and width of the silhouettes."""
    probe_label: str | None = None
    """Identity folder of the probes, where they have one of their own."""
    probes: tuple[str, ...] | None = None
    """Probes, where the partition lists them."""
    gallery: tuple[str, ...] | None = None
    """The gallery, where the partition lists it."""


_SCENES = ("L-scene1-nm-1", "L-scene2-nm-1", "L-scene3-bg-1", "L-scene2-cl-1")
_CLOTHES = ("U0_D0_BG", "U0_D0", "U1_D1", "U3_D3", "U0_D3", "U1_D0")
_SUSTECH = ("00-nm", "01-nm", "01-bg", "01-cl", "01-cr", "01-ub", "01-uf", "01-oc", "01-nt")

SETS = {
    "CASIA-B": Published(74, "evaluate_indoor_dataset", ("nm-01", "nm-05", "bg-01", "cl-01")),
    "CASIA-E": Published(200, "evaluate_indoor_dataset", _SCENES),
    "OUMVLP": Published(5153, "evaluate_indoor_dataset", ("00", "01")),
    "SUSTech1K": Published(250, "evaluate_indoor_dataset", _SUSTECH, files=16, silhouettes=6),
    "GREW": Published(20000, "GREW_submission", ("01", "02", "03"), views=("video",)),
    "HID": Published(500, "HID_submission", ("default",), size=128, probe_label="probe"),
    "Gait3D": Published(3000, "evaluate_Gait3D", ("camid0", "camid1"), probes=("9001-camid0-000",)),
    "CCPG": Published(100, "evaluate_CCPG", _CLOTHES, files=4),
    "GaitLU-1M": Published(None, "evaluate_indoor_dataset", ()),  # without labels
}


def small_copy(name: str, folder: Path) -> tuple[str, str]:
    """Root and partition of a data set of two training identities; one test identity, or the probes' too.

    Beside the silhouettes lie files that no silhouette model could read.
    """
    published = SETS[name]
    root, train, test = folder / "data", ["0001", "0002"], ["9001"] if published.walks else []
    if published.probe_label:
        test.append(published.probe_label)
    walks = [(label, kind, "000") for label in train for kind in ("01", "02")]
    walks += [(label, kind, view) for label in test for kind in published.walks for view in published.views]
    silhouettes = person(FRAMES, published.size, published.size)
    for label, kind, view in walks:
        for number in range(published.files):
            held = silhouettes if number == published.silhouettes else {"no": "silhouettes"}
            write(root / label / kind / view / f"{number:02d}-{view}.pkl", held)
    listed = {} if published.probes is None else {"PROBE_SET": list(published.probes)}
    return str(root), str(partition(folder / f"{name}.json", train, test, **listed))

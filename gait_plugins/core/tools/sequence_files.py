"""Sequences named on the command line: files, folders of images, and whole trees of both."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, Stream, Subset
from gait_plugins.config import build
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.archive import Archive, DamagedArchive
from gait_plugins.io.folders import SPECIAL, by_numbers, is_hidden, is_special, require_there, suffix
from gait_plugins.io.images import UnreadableImage
from gait_plugins.io.pictures import Picture, read_pictures
from gait_plugins.io.sequence_file import IMAGE_SUFFIXES, SUFFIXES, prepare_command, read_any, read_frames
from gait_plugins.prepare.grey_values import on_white
from gait_plugins.prepare.masks.forms import Choices, form_of
from gait_plugins.prepare.sequences import every_sequence

TAKEN = (
    f"a file ({', '.join(SUFFIXES)}), a folder of aligned images, a folder of such folders, "
    "a folder ID/TYPE/VIEW/FILES, the folder of one ID, or a packed data file"
)
"""What a sequence, or several, may be given as."""


class SequenceFiles(GaitDataset):
    """The sequences of files and folders, whatever their layout.

    A file is a sequence; so is a folder of images. A folder of sequence files holds one in each, and so
    does a folder of folders of images. Any other folder is taken as ``ID/TYPE/VIEW/FILES``, or as
    ``TYPE/VIEW/FILES`` of the identity that it is called after; the files of a view may be its single
    frames as images. A packed data file is taken for what it holds.

    Args:
        paths: what to read; a text is the address of a folder ``ID/TYPE/VIEW/FILES`` or packed data file.
        identity: the identity of the files, folders of images and folders of one identity, whose sequences
            keep their names; a tree of several names its identities itself.
        options: ``streams``, ``files`` and ``data_in_use`` as a configuration's data set has them.

    Raises:
        DataError: a path is missing, or there is no sequence in it.
        ConfigError: ``identity`` is given for a tree.
    """

    def __init__(
        self,
        paths: Sequence[Path | str],
        identity: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._options = dict(options or {})
        self._declared = _declared(self._options.get("streams"))
        self._trees: list[GaitDataset] = []
        self._places: list[Path | str] = []
        self._refs: list[SequenceRef] = []
        self._called: dict[int, str] = {}
        for path in paths:
            if isinstance(path, str):
                self._refs += self._tree(path, identity)
            elif views := _views_of_images(path):
                self._refs += _of_images(path, views, identity)
            else:
                self._refs += self._tree(path, identity) if _is_tree(path) else _loose(path, identity or "")

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        return list(self._refs)

    def load(self, ref: SequenceRef) -> list[Any]:
        tree, source = ref.source
        if tree is not None:
            frames: list[Any] = self._trees[tree].load(ref._replace(source=source))
            return frames
        if source.is_dir():
            return [read_image_folder(source)]
        if self._declared is None:
            return [read_frames(source)]
        converted, _ = self._declared[0].converted(read_any(source))
        return [self._declared[0].checked(converted, str(source))]

    def streams(self) -> tuple[Stream, ...] | None:
        """Those of the folders and packed data files, else those that the configuration declares."""
        known = [tree.streams() for tree in self._trees]
        if any(ref.source[0] is None for ref in self._refs):
            known.append(self._declared)
        names = {None if found is None else tuple(stream.name for stream in found) for found in known}
        if len(names) > 1:
            said = " and ".join(sorted(", ".join(own) if own else "streams without names" for own in names))
            raise DataError(
                f"the folders and files hold different streams, or in another order: {said}",
                hint="embed them one after the other, with the configuration of each",
            )
        return next((found for found in known if found is not None), None)

    def times(self, ref: SequenceRef) -> Mapping[str, np.ndarray]:
        """As the folder or packed data file has them."""
        tree, source = ref.source
        return {} if tree is None else self._trees[tree].times(ref._replace(source=source))

    def length(self, ref: SequenceRef) -> int:
        tree, source = ref.source
        return super().length(ref) if tree is None else self._trees[tree].length(ref._replace(source=source))

    def source(self, ref: SequenceRef) -> str:
        """The file or folder that a sequence comes from."""
        tree, source = ref.source
        return str(source) if tree is None else str(self._places[tree])

    def names(self) -> list[str]:
        """Each sequence's ``id-type-view``, or its path where it has no such name."""
        return [self._name(ref) for ref in self._refs]

    def _name(self, ref: SequenceRef) -> str:
        tree, source = ref.source
        if tree is None:
            return str(source) if ref.view == str(source) else ref.name
        # Whoever is enrolled from several folders has a sequence of its own name from each.
        return ref._replace(label=self._called.get(tree, ref.label)).name

    def _reading(self) -> dict[str, Any]:
        # Of another data set, such as a generated one, an option of this name means something else.
        read = {name: self._options.get(name) for name in ("streams", "files")}
        return {name: value for name, value in read.items() if isinstance(value, Mapping)}

    def _tree(self, path: Path | str, identity: str | None) -> Iterator[SequenceRef]:
        if isinstance(path, Path) and _is_of_one(path):
            yield from self._of_one(path, identity)
            return
        try:
            dataset, refs = every_sequence(path, self._options.get("data_in_use"), self._reading())
        except DataError as error:
            raise (_part_of_tree(path) if isinstance(path, Path) else None) or error from error
        _check_unnamed(identity, {ref.label for ref in refs}, path)
        self._trees.append(dataset)
        self._places.append(path)
        yield from (ref._replace(source=(len(self._trees) - 1, ref.source)) for ref in refs)

    def _of_one(self, path: Path, identity: str | None) -> Iterator[SequenceRef]:
        """The sequences of a folder TYPE/VIEW/FILES."""
        whole = Path(os.path.abspath(path))
        dataset, refs = every_sequence(
            whole.parent, self._options.get("data_in_use"), self._reading(), whole.name
        )
        tree = len(self._trees)
        self._trees.append(dataset)
        self._places.append(path)
        self._called[tree] = whole.name
        yield from (ref._replace(label=identity or whole.name, source=(tree, ref.source)) for ref in refs)


def _check_unnamed(identity: str | None, names: set[str], path: Path | str) -> None:
    if identity is not None:
        raise ConfigError(
            f"the folder or file names {len(names)} identities itself, "
            f"but --id gives them all the identity {identity!r}",
            where=str(path),
            hint="leave out --id, or give the files of one person",
        )


def _declared(streams: Any) -> tuple[Stream, ...] | None:
    if not isinstance(streams, Mapping):
        return None
    return tuple(build("stream", dict(options)).changed(name=name) for name, options in streams.items())


def read_image_folder(folder: Path) -> np.ndarray:
    """The frames of a folder of aligned silhouettes, by the numbers in their names.

    Returns:
        uint8 ``[t, h, w]``, 0 for background and 255 for the person.

    Raises:
        DataError: an image cannot be read, or is not as high as the others, or is wider than high, or
            most have a white background.
    """
    pictures: list[Picture] = []
    for path in _images(folder):
        try:
            page, *others = read_pictures(path)
        except UnreadableImage as error:
            raise DataError(
                f"the image cannot be read: {error}", where=str(path), hint="delete it, or copy it again"
            ) from error
        pictures += [page, *others]
        for picture in pictures[-1 - len(others) :]:
            _check_aligned(picture.values, pictures[0].values, path)
    form = form_of(pictures, Choices(as_is=True, aligned=True))
    if form.refused:
        raise DataError(
            f"the images show no person alone: {form.kind} ({form.detail})",
            where=str(folder),
            hint=f"{prepare_command(folder)} makes silhouettes of them, with --label or --largest",
        )
    frames = [form.cut(form.grey(picture)) for picture in pictures]
    if 2 * sum(map(on_white, frames)) > len(frames):
        raise DataError(
            "the images have a white background, expected white people on black",
            where=str(folder),
            hint=f"{prepare_command(folder)} --invert converts them",
        )
    return np.stack(frames)


def _check_aligned(image: np.ndarray, first: np.ndarray, path: Path) -> None:
    height, width = image.shape[:2]
    if first.shape[:2] != (height, width):
        found = f"{height}x{width} after frames of {first.shape[0]}x{first.shape[1]}"
    elif width > height:
        found = f"{height}x{width}, wider than high"
    else:
        return
    raise DataError(
        f"the images are not aligned: found a frame of {found}",
        where=str(path),
        hint=f"{prepare_command(path.parent)} aligns them",
    )


def _is_tree(path: Path) -> bool:
    if path.is_file():
        return _is_packed(path)
    if not path.is_dir() or _sequence_files(path):
        return False
    # A picture may lie beside the identities: a sheet to look at.
    return not _images(path) or any(_sequence_files_below(path, 3))


def _views_of_images(path: Path) -> list[tuple[Path, tuple[str, ...]]]:
    """The folders of images below a folder without sequence files, each with its path in parts.

    Those that lie deepest are taken, three levels at most: a picture may lie beside them, to look at.
    """
    if not path.is_dir() or _images(path) or any(any(_sequence_files_below(path, n)) for n in range(4)):
        return []
    for levels in (3, 2, 1):
        inside = sorted(folder for folder in path.glob("/".join("*" * levels)) if folder.is_dir())
        found = [folder for folder in inside if not is_hidden(folder.name) and _images(folder)]
        if found:
            return [(folder, folder.relative_to(path).parts) for folder in found]
    return []


def _of_images(
    path: Path, views: list[tuple[Path, tuple[str, ...]]], identity: str | None
) -> Iterator[SequenceRef]:
    """The sequences of ID/TYPE/VIEW/IMAGES, of TYPE/VIEW/IMAGES, or of any folders of images."""
    levels = len(views[0][1])
    if levels == 3:
        _check_unnamed(identity, {parts[0] for _, parts in views}, path)
    for folder, parts in views:
        if levels == 1:
            yield from _loose(folder, identity or "")
        else:
            label = parts[0] if levels == 3 else identity or Path(os.path.abspath(path)).name
            yield SequenceRef(label, parts[-2], parts[-1], (None, folder))


def _depth(path: Path) -> int:
    """How far below a folder sequence files lie: 3 is ID/TYPE/VIEW/FILES, or anything else."""
    return next((levels for levels in (3, 2, 1) if any(_sequence_files_below(path, levels))), 3)


def _is_of_one(path: Path) -> bool:
    return path.is_dir() and _depth(path) == 2


def _part_of_tree(path: Path) -> DataError | None:
    """The error for a folder from inside of TYPE/VIEW/FILES; None for any other."""
    if _depth(path) != 1:
        return None
    return DataError(
        f"this folder holds the views of one condition, expected {TAKEN}",
        where=str(path),
        hint="give the folder that holds the identities, or the view folders one by one",
    )


def _sequence_files_below(path: Path, levels: int) -> Iterator[Path]:
    return (file for file in path.glob("*/" * levels + "*") if suffix(file.name) in SUFFIXES)


def _is_packed(path: Path) -> bool:
    # A sequence's own .npz holds one array.
    if suffix(path.name) != ".npz":
        return False
    try:
        with path.open("rb") as file:
            return "records.npy" in Archive(file).members
    except (DamagedArchive, OSError):
        return False  # whoever reads it tells what is wrong


def _loose(path: Path, identity: str) -> Iterator[SequenceRef]:
    require_there([path])
    if is_special(path):
        raise DataError(SPECIAL, where=str(path), hint="copy the frames into a file")
    files = [path] if path.is_file() or _images(path) else _sequence_files(path)
    # The path takes the view's place: messages that name a sequence then name its file.
    yield from (SequenceRef(identity, "", str(file), (None, file)) for file in files)


def _images(folder: Path) -> list[Path]:
    return _listed(folder, IMAGE_SUFFIXES)


def _sequence_files(folder: Path) -> list[Path]:
    return _listed(folder, SUFFIXES)


def _listed(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    found = (path for path in folder.iterdir() if suffix(path.name) in endings and not is_hidden(path.name))
    return sorted((path for path in found if path.is_file()), key=lambda path: by_numbers(path.name))

"""Labelled images on disk: scanning, patient groups, folds and pixel loading.

A data folder holds one folder for each class (``NORMAL``, ``PNEUMONIA``). A patient often has several images, so every
split in this project keeps all images of a *group* together. A group is all images with the same patient ID in the file
name, which a pattern finds. Groups that share a byte-identical file are merged.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from pneumonia.model.preprocess import enough_pixels, reduce_while_decoding, to_model_input

CLASS_FOLDERS = {"NORMAL": 0, "PNEUMONIA": 1}
IMAGE_SUFFIXES = {".jpeg", ".jpg", ".png"}

# Kermany file names: ``person12_bacteria_34``, ``IM-0115-0001``, ``NORMAL2-IM-0383-0001``.
KERMANY_GROUP = r"^(person\d+|IM-\d+|NORMAL2-IM-\d+)"


@dataclass(frozen=True)
class LabelledImage:
    """One labelled image: its path, its class (0 normal, 1 pneumonia) and its patient group."""

    path: Path
    label: int
    group: str
    kind: str = ""

    @property
    def series(self) -> str:
        """The series: the name of the group without its number. A series was numbered in the order of acquisition."""
        return re.sub(r"\d+$", "", self.group)

    @property
    def order(self) -> int:
        """The number in the group's name, which is its place in the series; 0 without a number."""
        digits = re.search(r"(\d+)$", self.group)
        return int(digits.group(1)) if digits else 0


def scan(root: Path, pattern: str = KERMANY_GROUP) -> list[LabelledImage]:
    """List the images below ``root``, sorted by name.

    ``pattern``: regular expression, searched in the file's stem; its first group names the patient. A stem that does
    not match counts as a separate patient. Raises ``FileNotFoundError`` if a class folder is missing.
    """
    images = []
    for folder, label in CLASS_FOLDERS.items():
        directory = root / folder
        if not directory.is_dir():
            raise FileNotFoundError(f"{directory} is missing: a data folder needs NORMAL/ and PNEUMONIA/")
        for path in sorted(directory.iterdir()):
            if path.suffix.lower() not in IMAGE_SUFFIXES:
                continue
            match = re.search(pattern, path.stem)
            kind = next((k for k in ("bacteria", "virus") if k in path.stem), "")
            images.append(LabelledImage(path, label, match.group(1) if match else path.stem, kind))
    return images


def merge_duplicates(images: Sequence[LabelledImage]) -> list[LabelledImage]:
    """Merge groups that share a byte-identical file, so that both copies are on the same side of every split."""
    owner: dict[str, str] = {}
    alias: dict[str, str] = {}

    def find(group: str) -> str:
        while group in alias:
            group = alias[group]
        return group

    for image in images:
        digest = hashlib.sha256(image.path.read_bytes()).hexdigest()
        first, own = find(owner.setdefault(digest, image.group)), find(image.group)
        if first != own:
            alias[own] = first
    return [LabelledImage(f.path, f.label, find(f.group), f.kind) for f in images]


def blocked_folds(images: Sequence[LabelledImage], folds: int) -> NDArray[np.int64]:
    """Return the fold of each image, int64 ``[len(images)]``: contiguous blocks of patients within each series.

    Patients with neighbouring numbers were imaged around the same time, with the same settings. Random folds would mix
    patients from all times and hide the shift between earlier and later ones. Contiguous blocks keep this shift in the
    validation figures. Folds are balanced by the number of images, not of patients.
    """
    by_series: dict[tuple[int, str], dict[tuple[int, str], list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, image in enumerate(images):
        by_series[image.label, image.series][image.order, image.group].append(index)
    assignment = np.zeros(len(images), dtype=np.int64)
    for groups in by_series.values():
        total, seen = sum(map(len, groups.values())), 0
        for key in sorted(groups):
            assignment[groups[key]] = min(folds - 1, int(folds * (seen + len(groups[key]) / 2) / total))
            seen += len(groups[key])
    # A patient may have images of several series or classes. The first image determines the fold of all of them.
    home: dict[str, int] = {}
    for index, image in enumerate(images):
        assignment[index] = home.setdefault(image.group, int(assignment[index]))
    return assignment


EVERY_IMAGE = -1
LATER_BLOCK = -2
_LATER_SERIES = "NORMAL2-IM-"


def held_out(images: Sequence[LabelledImage], folds: NDArray[np.int64], fold: int) -> NDArray[np.bool_]:
    """Return which images the network of ``fold`` never sees in training, bool ``[N]``.

    For ``EVERY_IMAGE``, no image is held out. For ``LATER_BLOCK``, the normal images of the later series and the
    pneumonia images of the last fold are held out, which is a larger shift than the shift between folds.
    """
    if fold != LATER_BLOCK:
        return np.asarray(folds == fold)
    last = folds == folds.max()
    return np.array([f.series == _LATER_SERIES if f.label == 0 else bool(last[k]) for k, f in enumerate(images)])


def load_pixels(paths: Iterable[Path], size: int, *, title: str = "Reading images") -> NDArray[np.uint8]:
    """Read images through the serving preprocessing: uint8 ``[N, size, size, 1]``, grey 0-255."""
    wanted = list(paths)

    def read(path: Path) -> NDArray[np.uint8]:
        with Image.open(path) as image:
            reduce_while_decoding(image, enough_pixels(size, size))
            return to_model_input(image.convert("L"), size, size, stretch=True)

    with ThreadPoolExecutor() as readers:
        return np.stack(list(track(readers.map(read, wanted), description=title, total=len(wanted))))


def labels(images: Sequence[LabelledImage]) -> NDArray[np.float32]:
    """Return the classes of the images: float32 ``[N]``, 0 normal, 1 pneumonia."""
    return np.array([image.label for image in images], dtype=np.float32)

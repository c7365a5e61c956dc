import shutil
from pathlib import Path

import numpy as np
import pytest

from training import data


def image(name: str, label: int = 0, group: str = "") -> data.LabelledImage:
    return data.LabelledImage(Path(name), label, group or name)


def test_scan_reads_class_patient_and_kind_from_the_names(images_dir: Path) -> None:
    images = data.scan(images_dir)
    assert len(images) == 32
    normal = next(f for f in images if f.path.name == "IM-0003-0001.png")
    sick = next(f for f in images if f.path.name == "person2_virus_5.png")
    assert (normal.label, normal.group, normal.kind) == (0, "IM-0003", "")
    assert (sick.label, sick.group, sick.kind) == (1, "person2", "virus")


@pytest.mark.parametrize(
    ("stem", "group"),
    [
        ("person12_bacteria_34", "person12"),
        ("person1_virus_6", "person1"),
        ("IM-0115-0001", "IM-0115"),
        ("NORMAL2-IM-0383-0001", "NORMAL2-IM-0383"),
        ("NORMAL2-IM-1423-0001-0002", "NORMAL2-IM-1423"),
        ("ward7", "ward7"),
    ],
)
def test_kermany_names_are_grouped_by_patient(tmp_path: Path, stem: str, group: str) -> None:
    for folder in data.CLASS_FOLDERS:
        (tmp_path / folder).mkdir()
    (tmp_path / "NORMAL" / f"{stem}.jpeg").touch()
    assert [f.group for f in data.scan(tmp_path)] == [group]


def test_another_pattern_groups_other_names(tmp_path: Path) -> None:
    for name in ("00000061_015.png", "00000061_016.png", "00000150_002.png"):
        (tmp_path / "NORMAL").mkdir(exist_ok=True)
        (tmp_path / "NORMAL" / name).touch()
    (tmp_path / "PNEUMONIA").mkdir()
    assert [f.group for f in data.scan(tmp_path, r"^(\d+)_")] == ["00000061", "00000061", "00000150"]


def test_a_missing_class_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "NORMAL").mkdir()
    with pytest.raises(FileNotFoundError, match="PNEUMONIA is missing"):
        data.scan(tmp_path)


def test_identical_files_join_their_patients(images_dir: Path, tmp_path: Path) -> None:
    root = tmp_path / "films"
    shutil.copytree(images_dir, root)
    shutil.copy(root / "NORMAL/IM-0001-0001.png", root / "NORMAL/IM-0005-0002.png")
    groups = {f.path.name: f.group for f in data.merge_duplicates(data.scan(root))}
    assert groups["IM-0001-0001.png"] == groups["IM-0005-0002.png"] == groups["IM-0005-0001.png"]
    assert len(set(groups.values())) == 16 + 8 - 1


def test_folds_never_split_a_patient_and_hold_both_classes(images_dir: Path) -> None:
    images = data.scan(images_dir)
    folds = data.blocked_folds(images, 4)
    for group in {f.group for f in images}:
        assert len({int(k) for f, k in zip(images, folds, strict=True) if f.group == group}) == 1
    for fold in range(4):
        labels = [f.label for f, k in zip(images, folds, strict=True) if k == fold]
        assert labels.count(0) == 4
        assert labels.count(1) == 4


def test_folds_are_contiguous_blocks_of_each_series() -> None:
    images = [image(f"IM-{k:04d}", group=f"IM-{k:04d}") for k in (30, 1, 20, 2, 10, 40)]
    folds = data.blocked_folds(images, 3)
    in_order = [int(k) for _, k in sorted(zip([f.order for f in images], folds, strict=True))]
    assert in_order == [0, 0, 1, 1, 2, 2]


def test_the_network_without_the_later_block_is_trained_without_it(images_dir: Path) -> None:
    images = data.scan(images_dir)
    folds = data.blocked_folds(images, 2)
    unseen = data.held_out(images, folds, data.LATER_BLOCK)
    for image, fold, out in zip(images, folds, unseen, strict=True):
        assert out == (image.path.name.startswith("NORMAL2-") if image.label == 0 else fold == 1)
    assert unseen.sum() == 8 + 8
    # No patient is on both sides.
    assert {f.group for f, out in zip(images, unseen, strict=True) if out}.isdisjoint(
        f.group for f, out in zip(images, unseen, strict=True) if not out
    )


def test_a_fold_is_held_out_unless_all_images_are_trained_on(images_dir: Path) -> None:
    images = data.scan(images_dir)
    folds = data.blocked_folds(images, 2)
    assert (data.held_out(images, folds, 1) == (folds == 1)).all()
    assert not data.held_out(images, folds, data.EVERY_IMAGE).any()


def test_pixels_are_grey_squares(images_dir: Path) -> None:
    pixels = data.load_pixels([f.path for f in data.scan(images_dir)][:3], 71)
    assert pixels.shape == (3, 71, 71, 1)
    assert pixels.dtype == np.uint8

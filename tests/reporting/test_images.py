import os
from pathlib import Path

import pytest

from pneumonia_cli.reporting.images import ImageFile, NoImages, find_images
from tests.conftest import MakeFilms


def names(images: list[ImageFile]) -> list[str]:
    return [image.name for image in images]


@pytest.fixture
def tree(make_films: MakeFilms) -> Path:
    return make_films(
        {"b.png": 1, "a.jpeg": 2, "sub/c.png": 3, "sub/deep er/ü.png": 4, "notes.txt": b"x", "noextension": 5}
        | {".hidden.png": 6, ".cache/d.png": 7}
    )


def test_a_folder_gives_all_its_files_except_hidden_ones(tree: Path) -> None:
    assert names(find_images([str(tree)])) == [
        "a.jpeg", "b.png", "noextension", "notes.txt", "sub/c.png", "sub/deep er/ü.png",
    ]  # fmt: skip


def test_a_named_file_of_any_kind_is_used(tree: Path) -> None:
    (image,) = find_images([str(tree / "notes.txt")])
    assert image == ImageFile(tree / "notes.txt", "notes.txt")
    assert names(find_images([str(tree / ".hidden.png")])) == [".hidden.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["b.png"]),
        ("**/*.png", ["b.png", "sub/c.png", "sub/deep er/ü.png"]),
        ("s*/*.png", ["sub/c.png"]),
        ("s*", ["sub/c.png", "sub/deep er/ü.png"]),
        ("sub/[c-d].png", ["c.png"]),
        ("sub/**", ["c.png", "deep er/ü.png"]),
    ],
)
def test_patterns(tree: Path, pattern: str, expected: list[str]) -> None:
    assert names(find_images([str(tree / pattern)])) == expected


def test_a_file_whose_name_looks_like_a_pattern(make_films: MakeFilms) -> None:
    root = make_films({"image [2].png": 1, "image 2.png": 2})
    assert names(find_images([str(root / "image [2].png")])) == ["image [2].png"]


def test_several_places_keep_names_apart_and_files_once(make_films: MakeFilms) -> None:
    root = make_films({"one/a.png": 1, "two/a.png": 2})
    specs = [str(root / "one"), str(root / "two" / "a.png"), str(root / "one" / "*.png")]
    assert names(find_images(specs)) == ["one/a.png", "two/a.png"]


def test_relative_paths(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert names(find_images(["sub"])) == ["c.png", "deep er/ü.png"]
    assert names(find_images(["*.jpeg"])) == ["a.jpeg"]


def test_excluded_files_are_not_images(tree: Path) -> None:
    assert "notes.txt" not in names(find_images([str(tree)], exclude=[tree / "sub" / ".." / "notes.txt"]))


@pytest.mark.parametrize("spec", ["nothere", "*.dcm", "empty", ".cache/*.gif"])
def test_an_empty_search_is_reported(tree: Path, spec: str) -> None:
    (tree / "empty").mkdir()
    with pytest.raises(NoImages, match=r"No image was found under .*Specify a file"):
        find_images([str(tree / "b.png"), str(tree / spec)])


def test_links_to_nothing_are_left_out(tree: Path) -> None:
    (tree / "broken.png").symlink_to(tree / "gone.png")
    assert "broken.png" not in names(find_images([str(tree)]))


def test_a_name_that_is_no_text_has_one_that_json_can_hold(tmp_path: Path) -> None:
    image = ImageFile(tmp_path, os.fsdecode(b"f\xfclm.png"))
    assert ImageFile(tmp_path, "a b/ü.png").safe_name == "a b/ü.png"
    assert image.safe_name.encode() == rb"f\udcfclm.png"

from pathlib import Path

from pneumonia_cli.client.batch.folders import batch_at, beside, results_of
from pneumonia_cli.client.batch.journal import Journal


def begin(out: Path, images: Path) -> None:
    with Journal(out, {}) as journal:
        journal.folder = images


def test_next_to_the_images(working_folder: Path) -> None:
    ward = working_folder / "ward" / "films"
    ward.mkdir(parents=True)
    expected = Path("ward", "films-results")
    assert results_of(Path("ward/films")) == results_of(ward) == results_of(Path("ward/films/../films")) == expected
    assert beside(Path("ward/films"), "audit") == Path("ward", "films-audit")
    assert beside(Path("."), "audit") == working_folder.parent / f"{working_folder.name}-audit"


def test_a_batch_of_an_earlier_version_is_continued(working_folder: Path) -> None:
    """Earlier versions wrote to the current folder."""
    ward, other = working_folder / "ward" / "films", working_folder / "other" / "films"
    for folder in (ward, other):
        folder.mkdir(parents=True)
    begin(Path("films-results"), ward)
    assert results_of(ward) == Path("films-results")
    assert results_of(other) == Path("other", "films-results")  # another folder of the same name
    begin(Path("ward/films-results"), ward)
    assert results_of(ward) == Path("ward", "films-results")


def test_the_folder_of_a_batch_by_its_images(working_folder: Path) -> None:
    ward = working_folder / "films"
    ward.mkdir()
    assert batch_at(ward) == ward
    begin(results_of(ward), ward)
    assert batch_at(Path("films")) == batch_at(Path("films-results")) == Path("films-results")
    assert batch_at(Path("none")) == Path("none")


def test_a_file_that_is_not_a_journal_is_refused(working_folder: Path) -> None:
    ward = working_folder / "ward" / "films"
    ward.mkdir(parents=True)
    Path("films-results").mkdir()
    Path("films-results", "journal.sqlite").write_bytes(b"x" * 5000)
    assert results_of(ward) == Path("ward", "films-results")

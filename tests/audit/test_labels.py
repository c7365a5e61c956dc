from pathlib import Path

import pytest

from pneumonia_cli.audit.labels import BadLabels, read_labels
from pneumonia_cli.reporting.images import ImageFile

IMAGES = [ImageFile(Path(name), name) for name in ("a.png", "b/c.png", "d.png", "e.png")]


def test_images_are_joined_with_their_labels() -> None:
    rows = "File, LABEL ,ward,patient", "d.png,Pneumonia,x,ada", "./b/c.png,0,y,bob", "a.png, 1 ,z,", ""
    table = "\r\n".join(rows).encode("utf-8-sig")
    labels = read_labels(table, IMAGES)
    assert [(one.image.name, one.label, one.patient) for one in labels.films] == [
        ("a.png", 1, "a.png"),
        ("b/c.png", 0, "bob"),
        ("d.png", 1, "ada"),
    ]
    assert (labels.grouped, labels.unlabelled) == (True, 1)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_of_spreadsheets(delimiter: str) -> None:
    rows = ("file", "label"), ("a.png", "normal"), ("d.png", "pneumonia")
    table = "\n".join(delimiter.join(row) for row in rows)
    labels = read_labels(table.encode(), IMAGES)
    assert [one.label for one in labels.films] == [0, 1]
    assert not labels.grouped
    assert [one.patient for one in labels.films] == ["a.png", "d.png"]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "no column file and no column label"),
        ("file\na.png\n", "no column label"),
        ("file,label\na.png,ill\n", "Line 2 .* must be pneumonia or normal"),
        ("file,label\na.png,1\na.png,0\n", "Line 3 .* a.png"),
        ("file,label\na.png,1\nz.png,0\n", "not in the folder: z.png"),
        ("file,label\na.png,1\nd.png,1\n", "one image with pneumonia and one normal image"),
        ("file,label\n\xfc.png,1\n", "not UTF-8"),
    ],
)
def test_tables_that_cannot_be_used(table: str, told: str) -> None:
    with pytest.raises(BadLabels, match=told):
        read_labels(table.encode("latin-1"), IMAGES)


def test_a_few_of_many_unknown_images_are_named() -> None:
    rows = "".join(f"z{k}.png,1\n" for k in range(9))
    with pytest.raises(BadLabels, match=r"z4\.png and 4 more"):
        read_labels(f"file,label\n{rows}".encode(), IMAGES)

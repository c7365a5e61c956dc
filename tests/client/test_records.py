import csv
import io
import json

import pytest

from pneumonia_cli.client.records import image_printer, print_record, print_records
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.reporting.csv_rows import COLUMNS


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_one_record(capsys: pytest.CaptureFixture[str]) -> None:
    record = {"total": 2, "file": "=a", "well": True, "triage": {"normal": 1}, "keys": ["a", "b"], "reason": None}
    print_record(record, Shape.JSON)
    assert json.loads(capsys.readouterr().out) == record
    print_record(record, Shape.CSV)
    told = {"total": "2", "file": "'=a", "well": "true", "triage": '{"normal": 1}', "keys": '["a", "b"]', "reason": ""}
    assert rows(capsys.readouterr().out) == [told]


def test_many_records_have_a_header_even_if_there_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    found: list[dict[str, object]] = [{"name": "a", "until": None}, {"name": "b,c", "until": 3}]
    print_records({"tokens": found}, ("name", "until"), found, Shape.JSON)
    assert json.loads(capsys.readouterr().out) == {"tokens": found}
    print_records({"tokens": found}, ("name", "until"), found, Shape.CSV)
    assert capsys.readouterr().out == 'name,until\na,\n"b,c",3\n'
    print_records({"tokens": []}, ("name", "until"), [], Shape.CSV)
    assert capsys.readouterr().out == "name,until\n"


def test_images_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    lines = (
        {"file": "a.png", "triage": "likely_normal", "image": {"format": "PNG"}},
        {"file": "b.txt", "error": {"code": "unsupported_format", "title": "t", "detail": "d", "status": 415}},
    )
    show = image_printer(Shape.JSON)
    for line in lines:
        show(line)
    assert [json.loads(text) for text in capsys.readouterr().out.splitlines()] == list(lines)
    show = image_printer(Shape.CSV)
    assert capsys.readouterr().out.strip().split(",") == list(COLUMNS)
    show(lines[0])
    cells = next(csv.reader([capsys.readouterr().out]))  # at once, not at the end
    assert dict(zip(COLUMNS, cells, strict=True)) | {"status": "predicted", "format": "PNG"} == dict(
        zip(COLUMNS, cells, strict=True)
    )
    show(lines[1])
    cells = next(csv.reader([capsys.readouterr().out]))
    found = dict(zip(COLUMNS, cells, strict=True))
    assert (found["file"], found["status"], found["code"]) == ("b.txt", "rejected", "unsupported_format")
    image_printer(Shape.TABLE)(lines[0])
    assert capsys.readouterr().out == ""

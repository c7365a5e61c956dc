import csv
import io
from datetime import datetime
from pathlib import Path

import pytest

from pneumonia.prevalence import with_prevalence
from pneumonia_cli.reporting.csv_rows import csv_row
from tests.page.actions import SAMPLES, add_images, answered, answers, payload
from tests.page.conftest import Open
from tests.serving import Service


@pytest.mark.slow
def test_the_download_holds_every_image_with_its_result(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of 415",))
    given = answers(page)
    formula = '=HYPERLINK("x","y").png'
    add_images(page, SAMPLES[0], payload(formula, SAMPLES[1].read_bytes()), payload("notes, old.txt", b"no image"))
    answered(page, 3)
    page.evaluate("sessionStorage.setItem('pneumonia-prevalence', '0.1')")
    with page.expect_download() as caught:
        page.get_by_role("button", name="Export CSV").click()
    assert caught.value.suggested_filename == "chest-x-ray-triage.csv"
    data = Path(caught.value.path()).read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [row["file"] for row in rows] == [SAMPLES[0].name, f"'{formula}", "notes, old.txt"]
    assert [row["status"] for row in rows] == ["predicted", "predicted", "rejected"]
    by_id = {answer["request_id"]: answer for answer in given()}
    for row in rows[:2]:
        assert datetime.fromisoformat(row["answered_at"]).tzinfo is not None
        answer = by_id[row["request_id"]]
        line = {**answer, "file": row["file"].removeprefix("'"), "status": "predicted"}
        wanted = csv_row(with_prevalence(line, 0.1))
        assert row == {**wanted, "answered_at": row["answered_at"]}
    assert rows[2]["code"] == "unsupported_format"
    assert rows[2]["detail"].startswith("The format of the image is not supported")
    assert rows[2]["triage"] == rows[2]["pneumonia"] == ""

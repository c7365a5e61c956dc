"""Delivery by STOW-RS to a fake server. test_real_systems.py tests a real one."""

from pathlib import Path

import pytest
from werkzeug.wrappers import Response

from pneumonia_cli.dicom_out.results import write
from pneumonia_cli.dicom_out.source import Source
from pneumonia_cli.gateway.config import PASSWORD_VARIABLE
from pneumonia_cli.gateway.deliver import WebServer
from pneumonia_cli.gateway.errors import TryAgain
from pneumonia_cli.gateway.web import web_client
from tests.client.upstream import Upstream, answer, upstream
from tests.dicom_out.films import HEADER, dicom_film, refusal

STORED = {"00081199": {"vr": "SQ", "Value": []}}
FAILED = {
    "00081198": {
        "vr": "SQ",
        "Value": [
            {
                "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.88.34"]},
                "00081155": {"vr": "UI", "Value": ["1.2.3"]},
                "00081197": {"vr": "US", "Value": [0xA700]},
            }
        ],
    }
}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return write(tmp_path, "image", Source.of(dicom_film()), refusal())


def dicom_json(document: object, status: int = 200) -> Response:
    told = answer(document, status)
    told.content_type = "application/dicom+json"
    return told


def server_of(web: Upstream) -> WebServer:
    return WebServer(web_client(f"{web.url}/dicom-web/", "gateway", 5))


def test_results_go_in_one_request(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "secret")
    with upstream() as web:
        web.answers["/dicom-web/studies"] = dicom_json(STORED)
        server_of(web).send(files)
        (asked,) = web.asked
    assert asked.headers["Authorization"].startswith("Basic ")
    assert b"DICM" in asked.body
    assert HEADER["StudyInstanceUID"].encode() in asked.body


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (dicom_json({}, 503), "HTTP 503"),
        (dicom_json(FAILED, 202), "reason 0xA700"),
        (dicom_json(FAILED, 409), "HTTP 409"),
    ],
)
def test_results_that_were_not_stored_are_sent_again(files: list[Path], response: Response, told: str) -> None:
    with upstream() as web:
        web.answers["/dicom-web/studies"] = response
        with pytest.raises(TryAgain, match=told) as raised:
            server_of(web).send(files)
    assert HEADER["StudyInstanceUID"] not in str(raised.value)


def test_a_server_that_is_down(files: list[Path]) -> None:
    with pytest.raises(TryAgain, match="cannot be reached"):
        WebServer(web_client("http://127.0.0.1:9", "", 5)).send(files)

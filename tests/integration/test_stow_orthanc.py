"""A real PACS as a sender of STOW-RS: Orthanc, set up as in docs/dicomweb.md, against the local cloud."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from pneumonia_cli.local.names import RESULT_BUCKET
from tests.dicom_out.films import dicom_film
from tests.gateway.systems import Orthanc, needs_orthanc, orthanc
from tests.integration.doors import Door, OpenDoor

pytestmark = [pytest.mark.slow, needs_orthanc]

DOCUMENT = (Path(__file__).parents[2] / "docs" / "dicomweb.md").read_text(encoding="utf-8")
SETTINGS = next(block for block in re.findall(r"```json\n(.*?)```", DOCUMENT, re.S) if "StowMaxSize" in block)
(SCRIPT,) = re.findall(r"```lua\n(.*?)```", DOCUMENT, re.S)


@pytest.fixture
def opened(open_door: OpenDoor) -> Iterator[Door]:
    with open_door("token") as door:
        yield door


def settings_for(door: Door) -> dict[str, Any]:
    """Return the settings of the document, with a real address and token."""
    found: dict[str, Any] = json.loads(SETTINGS)
    (server,) = found["DicomWeb"]["Servers"].values()
    server["Url"] = f"{door.url}/"
    server["HttpHeaders"]["Authorization"] = f"Bearer {door.token}"
    return found


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.1)


def results(door: Door) -> list[dict[str, Any]]:
    """Return all results."""
    door.deliver()
    found = []
    for entry in door.cloud.s3.list_objects_v2(Bucket=RESULT_BUCKET).get("Contents", []):
        if entry["Key"].endswith(".json"):
            with door.cloud.s3.get_object(Bucket=RESULT_BUCKET, Key=entry["Key"])["Body"] as content:
                found.append(json.loads(content.read()))
    return found


def stow(pacs: Orthanc, *resources: str) -> requests.Response:
    body = {"Resources": resources, "Synchronous": True}
    return requests.post(f"{pacs.web}/servers/pneumonia/stow", json=body, timeout=60)


def studies(pacs: Orthanc) -> list[str]:
    found: list[str] = requests.get(f"{pacs.http}/studies", timeout=120).json()
    return found


def test_a_study_is_sent_and_sent_again(opened: Door, tmp_path: Path) -> None:
    with orthanc(tmp_path / "orthanc", 9, forwards=False, more=settings_for(opened)) as pacs:
        pacs.add(dicom_film())
        pacs.add(dicom_film(SOPInstanceUID="1.2.3.2"))
        for _ in range(2):
            sent = stow(pacs, *studies(pacs))
            assert sent.status_code == 200, sent.text
            assert {result["status"] for result in results(opened)} == {"predicted"}
            assert len(results(opened)) == 2


def test_each_new_radiograph_is_sent_by_the_script(opened: Door, tmp_path: Path) -> None:
    more = settings_for(opened)
    with orthanc(tmp_path / "orthanc", 9, forwards=True, script=SCRIPT, more=more) as pacs:
        pacs.add(dicom_film())
        pacs.add(dicom_film(SOPInstanceUID="1.2.3.2", Modality="CT"))
        until(lambda: len(results(opened)) == 1)


def test_a_refused_instance_fails_the_job_but_not_other_instances(opened: Door, tmp_path: Path) -> None:
    with orthanc(tmp_path / "orthanc", 9, forwards=False, more=settings_for(opened)) as pacs:
        pacs.add(dicom_film(Modality="CT"))
        assert stow(pacs, *studies(pacs)).status_code >= 400
        assert results(opened) == []
        pacs.add(dicom_film(SOPInstanceUID="1.2.3.2"))
        assert stow(pacs, *studies(pacs)).status_code >= 400
        assert len(results(opened)) == 1

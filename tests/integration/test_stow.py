"""STOW-RS against the local cloud: external clients store instances, the worker predicts, results have addresses."""

import base64
import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session
from pydicom import Dataset, dcmread

from pneumonia.handlers import api
from pneumonia_cli.local.names import RESULT_BUCKET, UPLOAD_BUCKET
from tests.conftest import LoadEvent
from tests.dicom_out.films import HEADER, dicom_film
from tests.integration.doors import Door, OpenDoor
from tests.unit.http.test_related import RELATED, body

STUDY = HEADER["StudyInstanceUID"]
FIRST, SECOND = dicom_film(), dicom_film(SOPInstanceUID="1.2.3.2")


def read(data: bytes) -> Dataset:
    return dcmread(io.BytesIO(data))


@contextlib.contextmanager
def client_of(url: str, token: str = "") -> Iterator[DICOMwebClient]:
    """Return the client, set up as in docs/dicomweb.md."""
    with create_session() as session:
        if token:
            session.headers["Authorization"] = f"Bearer {token}"
        client = DICOMwebClient(url, session=session, chunk_size=6_000_000)
        client.host = urlsplit(url).netloc  # the client omits the port, which a deployment does not have
        yield client


def results_of(opened: Door, answer: Dataset) -> list[dict[str, Any]]:
    """Return the result at the RetrieveURL of each instance."""
    headers = {"Authorization": f"Bearer {opened.token}"} if opened.token else {}
    addresses = [item.RetrieveURL for item in answer.ReferencedSOPSequence]
    return [requests.get(address, headers=headers, timeout=120).json() for address in addresses]


@pytest.mark.parametrize("mode", ["none", "token"])
def test_dicomweb_client_stores_a_study_and_finds_its_results(open_door: OpenDoor, mode: str) -> None:
    with open_door(mode) as opened, client_of(opened.url, opened.token) as client:
        answer = client.store_instances([read(FIRST), read(SECOND)], STUDY)
        assert [result["status"] for result in results_of(opened, answer)] == ["pending", "pending"]
        opened.deliver()
        results = results_of(opened, answer)
        assert [result["status"] for result in results] == ["predicted", "predicted"]
        assert [result["image"]["sop_instance_uid"] for result in results] == [HEADER["SOPInstanceUID"], "1.2.3.2"]
        assert {result["image"]["study_instance_uid"] for result in results} == {STUDY}
        assert all(item.RetrieveURL.startswith(f"{opened.url}/results/") for item in answer.ReferencedSOPSequence)
        heatmap = results[0]["heatmap"]
        assert heatmap == f"/results/{results[0]['id']}/heatmap.png"
        assert opened.ask("GET", heatmap, Authorization=f"Bearer {opened.token}").data.startswith(b"\x89PNG")


def test_an_instance_sent_again_has_one_result(door: Door) -> None:
    with client_of(door.url) as client:
        first = client.store_instances([read(FIRST)])
        client.store_instances([read(FIRST)])  # before the first one is predicted
        door.deliver()
        again = client.store_instances([read(FIRST)])
        door.deliver()
        (before,), (after,) = results_of(door, first), results_of(door, again)
        before.pop("id"), after.pop("id"), before.pop("heatmap"), after.pop("heatmap")
        assert before == after
        assert before["status"] == "predicted"
    keys = [entry["Key"] for entry in door.cloud.s3.list_objects_v2(Bucket=RESULT_BUCKET)["Contents"]]
    assert sorted(key.partition(".")[2] for key in keys) == ["heatmap.png", "json"]
    versions = door.cloud.s3.list_object_versions(Bucket=UPLOAD_BUCKET)["Versions"]
    assert len(versions) == 2  # the third time nothing was stored


def test_an_instance_with_unusable_pixels_has_a_rejected_result(door: Door) -> None:
    damaged = dicom_film(BitsStored=40)
    reply = door.ask("POST", "/studies", body(damaged), Content_Type=RELATED)
    assert reply.status == 200
    door.deliver()
    (result,) = results_of(door, Dataset.from_json(reply.body))
    assert (result["status"], result["code"]) == ("rejected", "undecodable_image")


def test_an_instance_too_large_for_lambda_can_be_uploaded(door: Door) -> None:
    """Lambda refuses the instance. The same file can be sent with POST /uploads, as documented."""
    large = FIRST + b"\xfc\xff\xfc\xffOB\0\0" + (5_000_000).to_bytes(4, "little") + bytes(5_000_000)
    refused = door.ask("POST", "/studies", body(large), Content_Type=RELATED)
    assert (refused.status, set(refused.body)) == (413, {"message"})
    ticket = door.ask("POST", "/uploads", json.dumps({"content_type": "application/dicom"}).encode()).body
    form = ticket["upload"]
    requests.post(form["url"], data=form["fields"], files={"file": large}, timeout=60).raise_for_status()
    door.deliver()
    assert door.ask("GET", ticket["result"]).body["status"] == "predicted"


class TestAccess:
    """For callers without credentials, nothing is read or stored."""

    def test_token(self, open_door: OpenDoor) -> None:
        with open_door("token") as opened:
            for path, token in (("/studies", ""), ("/studies", "0" * 48), (f"/studies/{STUDY}", "")):
                authorization = f"Bearer {token}" if token else ""
                reply = opened.ask("POST", path, body(FIRST), Content_Type=RELATED, Authorization=authorization)
                assert (reply.status, reply.body["code"]) == (401, "unauthorized")
            assert "Contents" not in opened.cloud.s3.list_objects_v2(Bucket=UPLOAD_BUCKET)

    @pytest.mark.parametrize(("recorded", "status"), [("function_url_iam", 200), ("function_url_none", 401)])
    def test_iam(
        self,
        open_door: OpenDoor,
        load_event: LoadEvent,
        lambda_context: Any,
        recorded: str,
        status: int,
    ) -> None:
        event = load_event(recorded)
        event["rawPath"] = "/studies"
        event["requestContext"]["http"]["method"] = "POST"
        event.pop("queryStringParameters", None)
        event["headers"]["content-type"] = RELATED
        event |= {"body": base64.b64encode(body(FIRST)).decode(), "isBase64Encoded": True}
        with open_door("iam"):
            assert api.handler(event, lambda_context)["statusCode"] == status


def test_chunks_are_read_and_other_transactions_do_not_exist(door: Door) -> None:
    with create_session() as session:  # dicomweb-client sends larger bodies in chunks
        client = DICOMwebClient(door.url, session=session, chunk_size=1000)
        assert len(client.store_instances([read(FIRST)]).ReferencedSOPSequence) == 1
    for method, path in (("GET", "/studies"), ("GET", f"/studies/{STUDY}"), ("DELETE", f"/studies/{STUDY}")):
        reply = door.ask(method, path)
        assert (reply.status, reply.headers["Allow"]) == (405, "OPTIONS, POST")
    assert door.ask("GET", f"/studies/{STUDY}/metadata").status == 404

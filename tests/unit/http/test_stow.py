"""POST /studies through the handler, with a mocked S3."""

import gzip
import io
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from pneumonia import aws
from pneumonia.http import stow
from pneumonia.http.stow import MAX_BODY_BYTES
from pneumonia.uploads import direct
from pneumonia.uploads.direct import Put
from pneumonia.uploads.ids import is_id, upload_key
from tests.conftest import RESULTS, UPLOADS, ImageBytes
from tests.dicom_out.films import HEADER, dicom_film
from tests.unit.conftest import Reply
from tests.unit.http.conftest import Ask
from tests.unit.http.test_related import RELATED, body

CR, STUDY, INSTANCE = "1.2.840.10008.5.1.4.1.1.1", HEADER["StudyInstanceUID"], HEADER["SOPInstanceUID"]
Send = Callable[..., Reply]


FIRST = dicom_film()
SECOND = dicom_film(SOPInstanceUID="1.2.3.2")


@pytest.fixture(autouse=True)
def buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPLOADS_BUCKET", UPLOADS)
    monkeypatch.setenv("RESULTS_BUCKET", RESULTS)


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Replaces S3. Returns the list of stored instances."""
    found: list[bytes] = []

    def put_upload(_uploads: str, _results: str, _key: str, data: bytes, _content_type: str) -> Put:
        found.append(data)
        return Put.STORED

    monkeypatch.setattr(direct, "put_upload", put_upload)
    return found


@pytest.fixture
def send(ask: Ask) -> Send:
    """Sends parts: send(FIRST, path="/studies/1.2", accept="*/*")."""

    def sent(*parts: bytes, path: str = "/studies", accept: str = "", **request: Any) -> Reply:
        headers = {"accept": accept} if accept else {}
        request = {"body": body(*parts), "content_type": RELATED, "headers": headers} | request
        return ask("POST", path, **request)

    return sent


def module(reply: Reply) -> Dataset:
    assert reply.headers["content-type"] == "application/dicom+json"
    return Dataset.from_json(reply.body)


def stored(s3: Any) -> dict[str, list[bytes]]:
    """Return the bytes of all versions by key."""
    found: dict[str, list[bytes]] = {}
    for version in s3.list_object_versions(Bucket=UPLOADS).get("Versions", []):
        with s3.get_object(Bucket=UPLOADS, Key=version["Key"], VersionId=version["VersionId"])["Body"] as content:
            found.setdefault(version["Key"], []).append(content.read())
    return found


def reasons(reply: Reply) -> list[int]:
    found = module(reply)
    items = [*found.get("FailedSOPSequence", []), *found.get("OtherFailuresSequence", [])]
    return [item.FailureReason for item in items]


class TestStored:
    def test_an_instance_is_stored_under_the_prefix_of_the_api_and_its_result_has_an_address(
        self, send: Send, s3: Any, ask: Ask
    ) -> None:
        reply = send(FIRST)
        assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
        (item,) = module(reply).ReferencedSOPSequence
        assert (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) == (CR, INSTANCE)
        host, _, upload_id = item.RetrieveURL.rpartition("/results/")
        assert host.startswith("https://")
        assert host.endswith(".on.aws")
        assert is_id(upload_id)
        assert stored(s3) == {upload_key(upload_id): [FIRST]}
        head = s3.head_object(Bucket=UPLOADS, Key=upload_key(upload_id))
        assert (head["ContentType"], head["Metadata"]) == ("application/dicom", {})
        pending = ask("GET", f"/results/{upload_id}")
        assert (pending.status, pending.body) == (202, {"id": upload_id, "status": "pending"})

    def test_several_parts_in_their_order(self, send: Send, put: list[bytes]) -> None:
        reply = send(SECOND, FIRST, path=f"/studies/{STUDY}")
        assert reply.status == 200
        names = [item.ReferencedSOPInstanceUID for item in module(reply).ReferencedSOPSequence]
        assert names == ["1.2.3.2", INSTANCE]
        assert put == [SECOND, FIRST]

    def test_a_body_of_text_and_a_body_of_gzip(self, send: Send, put: list[bytes]) -> None:
        assert send(body=body(FIRST).decode("latin-1")).status == 200
        packed = {"content-encoding": "gzip"}
        assert send(body=gzip.compress(body(FIRST)), headers=packed).status == 200
        assert put == [FIRST, FIRST]

    def test_one_instance_without_parts(self, send: Send, put: list[bytes]) -> None:
        assert send(body=FIRST, content_type="application/dicom").status == 200

    def test_the_response_as_xml(self, send: Send, put: list[bytes]) -> None:
        reply = send(FIRST, accept="application/dicom+xml")
        assert (reply.status, reply.headers["content-type"]) == (200, "application/dicom+xml")
        assert INSTANCE.encode() in reply.data

    def test_a_file_that_contradicts_itself_is_stored_with_a_warning(self, send: Send, put: list[bytes]) -> None:
        other = INSTANCE[:-1] + "9"
        reply = send(FIRST.replace(INSTANCE.encode(), other.encode(), 1))  # in the meta group, which comes first
        (item,) = module(reply).ReferencedSOPSequence
        assert (reply.status, item.WarningReason, item.ReferencedSOPInstanceUID) == (202, 0xB007, INSTANCE)
        assert len(put) == 1

    def test_the_scheme_comes_from_the_request(self, send: Send, put: list[bytes]) -> None:
        reply = send(FIRST, headers={"x-forwarded-proto": "http"})
        assert module(reply).ReferencedSOPSequence[0].RetrieveURL.startswith("http://")


class TestTwice:
    def test_the_same_instance_twice_in_one_request_is_one_upload(self, send: Send, s3: Any) -> None:
        reply = send(FIRST, FIRST)
        assert reply.status == 200
        first, second = module(reply).ReferencedSOPSequence
        assert first.RetrieveURL[-64:] == second.RetrieveURL[-64:]
        assert [len(versions) for versions in stored(s3).values()] == [1]

    def test_before_the_result_it_is_a_version_of_the_same_upload(self, send: Send, s3: Any) -> None:
        send(FIRST)
        assert send(FIRST).status == 200
        assert [len(versions) for versions in stored(s3).values()] == [2]

    @pytest.mark.parametrize(("status", "versions"), [("predicted", 1), ("rejected", 2)])
    def test_with_a_result_only_a_rejected_upload_is_stored_again(
        self, send: Send, s3: Any, ask: Ask, status: str, versions: int
    ) -> None:
        send(FIRST)
        (key,) = stored(s3)
        s3.put_object(Bucket=RESULTS, Key=f"{key}.json", Body=json.dumps({"status": status, "code": "blank_image"}))
        reply = send(FIRST)
        assert reply.status == 200
        assert len(stored(s3)[key]) == versions
        address = module(reply).ReferencedSOPSequence[0].RetrieveURL
        result = ask("GET", f"/results/{address.rpartition('/')[2]}")
        assert (result.status, result.body["status"]) == (200, status)


def without_pixels() -> bytes:
    """Return a structured report, which has no pixels."""
    dataset = dcmread(io.BytesIO(dicom_film(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR")))
    del dataset.PixelData
    stream = io.BytesIO()
    dcmwrite(stream, dataset)
    return stream.getvalue()


REFUSED = {
    "no image": (without_pixels(), 0x0122),
    "computed tomography": (dicom_film(Modality="CT"), 0x0122),
    "for processing": (dicom_film(PresentationIntentType="FOR PROCESSING"), 0x0122),
    "several frames": (dicom_film(NumberOfFrames=3), 0x0122),
    "truncated": (FIRST[:-1000], 0xC001),
    "only its header": (FIRST[: FIRST.index(b"\xe0\x7f\x10\0")], 0xC001),
    "no instance UID": (dicom_film(SOPInstanceUID=None), 0xC002),
    "no study UID": (dicom_film(StudyInstanceUID=None), 0xC002),
    "a name for a UID": (FIRST.replace(STUDY.encode(), b"ZZFAMILY".ljust(len(STUDY), b"\0")), 0xC002),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), 0xC000),
    "nothing": (b"", 0xC000),
    "text": (b"hello", 0xC000),
    "half a header": (FIRST[:200], 0xC001),
    "deflated": (dicom_film(syntax=DeflatedExplicitVRLittleEndian), 0xC122),
}


class TestRefused:
    @pytest.mark.parametrize("name", REFUSED)
    def test_alone(self, send: Send, put: list[bytes], name: str) -> None:
        data, reason = REFUSED[name]
        reply = send(data)
        assert (reply.status, reasons(reply)) == (409, [reason])
        assert put == []

    def test_one_among_good_ones(self, send: Send, put: list[bytes]) -> None:
        reply = send(FIRST, FIRST[:-1000], b"hello", SECOND)
        assert reply.status == 202
        found = module(reply)
        assert [item.ReferencedSOPInstanceUID for item in found.ReferencedSOPSequence] == [INSTANCE, "1.2.3.2"]
        (failed,), (other,) = found.FailedSOPSequence, found.OtherFailuresSequence
        assert (failed.ReferencedSOPClassUID, failed.ReferencedSOPInstanceUID) == (CR, INSTANCE)
        assert (failed.FailureReason, other.FailureReason) == (0xC001, 0xC000)
        assert put == [FIRST, SECOND]

    def test_another_study_than_in_the_path(self, send: Send, put: list[bytes]) -> None:
        other = dicom_film(StudyInstanceUID="1.2.77")
        reply = send(FIRST, other, path=f"/studies/{STUDY}")
        assert (reply.status, reasons(reply)) == (202, [0xC003])
        assert send(other, path=f"/studies/{STUDY}").status == 409
        assert send(other).status == 200
        assert put == [FIRST, other]

    def test_more_elements_than_the_limit(self, send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MAX_DICOM_ELEMENTS", "100")
        many = [Dataset() for _ in range(200)]
        assert reasons(send(dicom_film(RequestedProcedureCodeSequence=many))) == [0xA700]

    def test_larger_than_an_image_may_be(self, send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MAX_IMAGE_BYTES", "5000")
        assert reasons(send(FIRST)) == [0xA700]

    @pytest.mark.parametrize(
        ("request_", "status", "code"),
        [
            ({"body": None}, 400, "missing_image"),
            ({"content_type": "multipart/related; type=application/dicom"}, 400, "malformed_request"),
            ({"body": body(FIRST)[:-30]}, 400, "malformed_request"),
            ({"path": "/studies/ZZFAMILY"}, 400, "malformed_request"),
            ({"path": "/studies/1.2%20"}, 400, "malformed_request"),
            ({"query": "force=true"}, 400, "malformed_request"),
            ({"accept": "text/html"}, 406, "not_acceptable"),
            ({"body": body(*[b"x"] * 1000)}, 413, "too_large"),
            ({"body": body(bytes(MAX_BODY_BYTES))}, 413, "too_large"),
            ({"content_type": "application/json"}, 415, "unsupported_format"),
            (
                {"content_type": 'multipart/related; type="application/dicom+json"; boundary=x'},
                415,
                "unsupported_format",
            ),
        ],
    )
    def test_the_whole_request(
        self, send: Send, put: list[bytes], request_: dict[str, Any], status: int, code: str
    ) -> None:
        reply = send(FIRST, **request_)
        assert (reply.status, reply.body["code"]) == (status, code)
        assert reply.headers["content-type"] == "application/problem+json"
        assert put == []

    def test_the_error_for_a_large_body_names_uploads(self, send: Send) -> None:
        for content, headers in (
            (body(bytes(MAX_BODY_BYTES)), {}),
            (gzip.compress(body(bytes(MAX_BODY_BYTES))), {"content-encoding": "gzip"}),
        ):
            reply = send(body=content, headers=headers)
            assert (reply.status, "POST /uploads" in reply.body["detail"]) == (413, True)


class TestS3Fails:
    @pytest.fixture
    def refusing(self, monkeypatch: pytest.MonkeyPatch, s3: Any) -> list[bytes]:
        """Instances in this list cannot be stored."""
        refused: list[bytes] = []
        client = aws.s3_for_callers()
        put = client.put_object

        def put_object(**request: Any) -> Any:
            if request["Body"] in refused:
                raise ClientError({"Error": {"Code": "SlowDown", "Message": "jane-doe"}}, "PutObject")
            return put(**request)

        monkeypatch.setattr(client, "put_object", put_object)
        return refused

    def test_if_s3_fails_for_one_instance_the_others_are_stored(
        self, send: Send, s3: Any, refusing: list[bytes]
    ) -> None:
        refusing.append(FIRST)
        reply = send(FIRST, SECOND)
        assert (reply.status, reasons(reply)) == (202, [0xA700])
        assert list(stored(s3).values()) == [[SECOND]]

    def test_if_s3_fails_for_all_instances_the_request_fails(self, send: Send, refusing: list[bytes]) -> None:
        refusing += [FIRST, SECOND]
        reply = send(FIRST, SECOND, b"hello")
        assert (reply.status, reply.body["code"]) == (500, "internal_error")
        assert b"jane" not in reply.data


def test_no_patient_data_is_logged(send: Send, put: list[bytes], capsys: pytest.CaptureFixture[str]) -> None:
    previous = stow.logger.registered_handler.setStream(sys.stdout)  # type: ignore[attr-defined]
    reply = send(FIRST, FIRST[:-1000], SECOND, path=f"/studies/{STUDY}")
    stow.logger.registered_handler.setStream(previous)  # type: ignore[attr-defined]
    written = capsys.readouterr().out
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["message"] for line in lines] == ["instance stored", "instance stored", "instances stored"]
    assert (lines[-1]["status"], lines[-1]["parts"], lines[-1]["reasons"]) == (202, 3, ["C001"])
    assert len({line["correlation_id"] for line in lines}) == 3
    ids = [item.RetrieveURL[-64:] for item in module(reply).ReferencedSOPSequence]
    assert not [text for text in ("ZZ", STUDY, INSTANCE, "api/", *ids) if text in written]


def test_without_buckets_nothing_is_stored(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESULTS_BUCKET")
    reply = send(FIRST)
    assert (reply.status, reply.body["code"]) == (404, "not_found")


def test_an_image_that_is_not_dicom_fails(send: Send, image_bytes: ImageBytes) -> None:
    assert reasons(send(image_bytes())) == [0xC000]


def test_random_bytes_after_the_dicom_prefix(send: Send) -> None:
    random = np.random.default_rng(0)
    for size in (0, 1, 7, 100, 5000):
        data = bytes(128) + b"DICM" + random.bytes(size)
        assert reasons(send(data))[0] in (0xC001, 0xC002, 0xA700)

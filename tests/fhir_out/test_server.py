import json

import pytest
import requests
from werkzeug.wrappers import Response

from pneumonia_cli.fhir_out.bundle import encoded
from pneumonia_cli.fhir_out.server import TOKEN_VARIABLE, BadAddress, FhirServer, NotAccepted
from tests.client.upstream import upstream
from tests.fhir_out.server import fhir_server
from tests.fhir_out.test_bundle import document


def test_a_transaction_is_carried_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with fhir_server() as store:
        store.token = "secret"
        monkeypatch.setenv(TOKEN_VARIABLE, "secret\n")  # files of secrets end with a line break
        for _ in range(2):
            created = FhirServer(f"{store.url}/").post(encoded(document()))
            assert created is (store.asked == 1)
        assert store.asked == 2
        assert len(store.resources) == 4
        (report,) = store.of_kind("DiagnosticReport")
        assert {one["reference"] for one in report["result"]} == {
            place for place in store.resources if place.startswith("Observation/")
        }


@pytest.mark.parametrize(("status", "passing"), [(503, True), (429, True), (401, False), (422, False), (302, False)])
def test_messages_that_were_not_accepted(status: int, passing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with fhir_server() as store:
        store.broken = status
        with pytest.raises(NotAccepted, match=f"HTTP {status}") as raised:
            FhirServer(store.url).post(encoded(document()))
    assert raised.value.passing is passing


@pytest.mark.parametrize(
    "answer",
    [
        "<html>",
        "[]",
        json.dumps({"type": "batch-response", "entry": [{"response": {"status": "201"}}]}),
        json.dumps({"type": "transaction-response", "entry": []}),
        json.dumps({"type": "transaction-response", "entry": [{"response": {"status": "404"}}]}),
        json.dumps({"type": "transaction-response", "entry": [{"response": {"status": "201 Created"}}]}),
        json.dumps({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]}),
        "[" * 100_000,
    ],
)
def test_an_unrelated_response_does_not_count_as_accepted(answer: str) -> None:
    with upstream() as web:
        web.answers["/fhir"] = Response(answer, 200)
        with pytest.raises(NotAccepted, match="not a transaction-response"):
            FhirServer(f"{web.url}/fhir").post(encoded(document()))


def test_a_redirect_is_not_followed() -> None:
    with fhir_server() as store, upstream() as web:
        web.answers["/fhir"] = Response("", 307, {"Location": store.url})
        with pytest.raises(NotAccepted, match="HTTP 307"):
            FhirServer(f"{web.url}/fhir").post(encoded(document()))
        assert store.asked == 0


def test_a_server_that_is_down() -> None:
    with pytest.raises(NotAccepted, match="Cannot reach") as raised:
        FhirServer("http://127.0.0.1:9/fhir").post(b"{}")
    assert raised.value.passing
    assert "127.0.0.1" not in str(raised.value)


def test_an_invalid_host_name() -> None:
    with pytest.raises(NotAccepted, match="Cannot reach"):
        FhirServer("https://records..example/fhir").post(b"{}")


def test_certificates_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def send(_session: object, _request: object, **options: object) -> None:
        seen.append(options["verify"])
        raise requests.ConnectionError

    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(requests.Session, "send", send)
    for ca in ("", "/etc/ours.pem"):
        with pytest.raises(NotAccepted):
            FhirServer("https://records.example/fhir", ca=ca).post(b"{}")
    assert seen == [True, "/etc/ours.pem"]


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("records.example/fhir", ""),
        ("ftp://records.example", ""),
        ("https://user:secret@records.example/fhir", ""),
        ("https://records.example/fhir?token=1", ""),
        ("http://records.example/fhir", "secret"),
        ("https://[records.example/fhir", ""),
        ("https://records.example:99999/fhir", ""),
        ("https://records.example/fhir", "secret with\nanother line"),
        ("https://records.example/fhir", "secret€"),
    ],
)
def test_an_address_that_cannot_be_used(url: str, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, token)
    with pytest.raises(BadAddress) as raised:
        FhirServer(url)
    assert "secret" not in str(raised.value)

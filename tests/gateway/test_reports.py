"""The gateway with a FHIR server and an HL7 receiver, with and without a PACS."""

import json
from pathlib import Path

import pytest

from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.source import Source
from pneumonia_cli.fhir_out.server import TOKEN_VARIABLE
from pneumonia_cli.gateway.node import store_of
from pneumonia_cli.gateway.reports import FHIR_FILE, HL7_FILE, Reports
from pneumonia_cli.hl7_out import message
from pneumonia_cli.hl7_out.message import Route
from tests.dicom_out.films import HEADER, MODEL, dicom_film, prediction, refusal
from tests.fhir_out.server import fhir_server
from tests.gateway.conftest import Command, MakeConfig, StartGateway, send, until
from tests.gateway.fakes import Pacs
from tests.hl7_out.receiver import mllp_receiver


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "ZZTOKEN")


def test_reports_of_answers_and_none_of_refusals() -> None:
    source, predicted = Source.of(dicom_film()), Answer(prediction(), MODEL, False)
    assert Reports().made(source, predicted) == ({}, [])
    both = Reports(fhir=True, hl7=Route())
    files, left_out = both.made(source, predicted)
    assert (list(files), left_out) == ([FHIR_FILE, HL7_FILE], [])
    assert both.made(source, refusal()) == ({}, [])
    files, left_out = both.made(Source.of(dicom_film(PatientID=None)), predicted)
    assert (list(files), left_out) == ([FHIR_FILE], ["No HL7 message: the image has no patient id."])


def test_the_system_of_patient_ids() -> None:
    made, _ = Reports(fhir=True, patient_system="urn:oid:1.2.3").made(
        Source.of(dicom_film()), Answer(prediction(), MODEL, False)
    )
    subjects = [entry["resource"].get("subject") for entry in json.loads(made[FHIR_FILE])["entry"]]
    assert [subject["identifier"]["system"] for subject in subjects if subject] == ["urn:oid:1.2.3"] * 3


def test_an_invalid_message_does_not_block_other_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message, "_pid", lambda _source: "PID|1||ZZID||ZZNAME||20249999")
    files, (why,) = Reports(fhir=True, hl7=Route()).made(Source.of(dicom_film()), Answer(prediction(), MODEL, False))
    assert list(files) == [FHIR_FILE]
    assert "not valid" in why
    assert "ZZ" not in why


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_every_system_gets_its_results_once_even_if_one_is_down(
    make_config: MakeConfig, start_gateway: StartGateway, pacs: Pacs, tmp_path: Path
) -> None:
    with fhir_server() as store, mllp_receiver() as receiver:
        store.token, store.broken = "ZZTOKEN", 503
        fhir = {"url": store.url, "folder": str(tmp_path / "reports")}
        gateway = start_gateway(make_config(fhir=fhir, hl7={"host": "127.0.0.1", "port": receiver.port}))
        assert send(gateway.port, dicom_film()) == [0x0000]
        until(lambda: gateway.metric("retries_total", stage="deliver") >= 2)
        # The other systems have their results once, while the FHIR server is down.
        assert [dataset.Modality for dataset in pacs.stored] == ["OT", "SR"]
        assert len(receiver.messages) == receiver.connections == 1
        assert store_of(gateway.config).queued()
        store.broken = 0
        until(lambda: gateway.metric("delivered_total") == 1)
        (report,) = store.of_kind("DiagnosticReport")
        assert report["subject"]["identifier"]["value"] == HEADER["PatientID"]
        (written,) = (tmp_path / "reports").iterdir()
        assert json.loads(written.read_bytes())["type"] == "transaction"
        assert (len(pacs.stored), receiver.connections) == (2, 1)
        (told,) = receiver.messages.values()
        assert HEADER["PatientID"] in told
        assert "HTTP 503" in gateway.events("try_again")[0]["reason"]
        assert "ZZ" not in gateway.log


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("code", ["AE", "AR"])
def test_hl7_alone_and_a_receiver_that_rejects_at_first(
    make_config: MakeConfig, start_gateway: StartGateway, pacs: Pacs, code: str
) -> None:
    with mllp_receiver() as receiver:
        receiver.code = code
        config = make_config(deliver={"protocol": "none"}, hl7={"host": "127.0.0.1", "port": receiver.port})
        gateway = start_gateway(config)
        nobody = dicom_film(PatientID=None, SOPInstanceUID="1.2.826.0.1.3680043.8.498.77.9")
        assert send(gateway.port, dicom_film(), nobody) == [0x0000, 0x0000]
        until(lambda: gateway.events("try_again"))
        assert f"({code})" in gateway.events("try_again")[0]["reason"]
        receiver.code = "AA"
        until(lambda: gateway.metric("delivered_total") == 2)
        assert len(receiver.messages) == 1
        assert len(gateway.events("report_left_out")) == 1
        assert pacs.stored == []
        assert "ZZ" not in gateway.log


def test_a_token_is_not_sent_unencrypted(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "ZZTOKEN")
    path = tmp_path / "gateway.toml"
    path.write_text(
        f'state = "{tmp_path / "state"}"\ndeliver = {{ protocol = "none" }}\n'
        'fhir = { url = "http://records.example/fhir" }\n'
    )
    ran = command("gateway", "--config", path)
    assert ran.code == 2
    assert "https://" in ran.err
    assert "ZZ" not in ran.err

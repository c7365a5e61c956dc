"""Send images through a complete gateway in this process, with answers without a model."""

import io
import shutil
import ssl
import urllib.request
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import JPEGBaseline8Bit
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from pneumonia_cli.gateway.node import store_of
from pneumonia_cli.gateway.store import StateInUse
from tests.dicom_out.films import HEADER, dicom_film
from tests.gateway.certificates import make_certificates
from tests.gateway.conftest import MakeConfig, StartGateway, send, until
from tests.gateway.fakes import FakeAnswers, Pacs
from tests.ports import unused_port

# pynetdicom leaves the socket of a connection that failed to the garbage collector.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_an_image_comes_back_as_picture_and_report_in_its_study(
    make_config: MakeConfig, start_gateway: StartGateway, pacs: Pacs
) -> None:
    gateway = start_gateway(make_config())
    assert send(gateway.port, dicom_film()) == [0x0000]
    until(lambda: len(pacs.stored) == 2)
    assert [dataset.Modality for dataset in pacs.stored] == ["OT", "SR"]
    for dataset in pacs.stored:
        assert dataset.StudyInstanceUID == HEADER["StudyInstanceUID"]
        assert dataset.PatientName == HEADER["PatientName"]
    assert pacs.stored[0].SourceImageSequence[0].ReferencedSOPInstanceUID == HEADER["SOPInstanceUID"]
    until(lambda: not store_of(gateway.config).queued())
    assert gateway.metric("received_total", by="c-store") == 1
    assert gateway.metric("answered_total", triage="likely_pneumonia") == 1
    until(lambda: gateway.metric("delivered_total") == 1)


def test_echo(make_config: MakeConfig, start_gateway: StartGateway) -> None:
    gateway = start_gateway(make_config())
    node = AE(ae_title="ANYBODY")
    node.add_requested_context(Verification)
    link = node.associate("127.0.0.1", gateway.port, ae_title="PNEUMONIA")
    assert link.send_c_echo().Status == 0x0000
    link.release()


def test_a_resend_is_the_same_instances(make_config: MakeConfig, start_gateway: StartGateway, pacs: Pacs) -> None:
    gateway = start_gateway(make_config())
    for count in (2, 4):
        send(gateway.port, dicom_film())
        until(lambda count=count: len(pacs.stored) == count)  # type: ignore[misc]
        # The same image would be ignored while it is still in the queue.
        until(lambda: not store_of(gateway.config).queued())
    assert len({dataset.SOPInstanceUID for dataset in pacs.stored}) == 2


def test_an_own_result_that_comes_back_is_not_predicted(
    make_config: MakeConfig, start_gateway: StartGateway, pacs: Pacs, answers: FakeAnswers
) -> None:
    """Otherwise a PACS that forwards everything would cause an endless loop."""
    gateway = start_gateway(make_config())
    send(gateway.port, dicom_film())
    until(lambda: len(pacs.stored) == 2)
    stream = io.BytesIO()
    pacs.stored[0].save_as(stream)
    assert send(gateway.port, stream.getvalue()) == [0x0000]
    until(lambda: gateway.events("own_result_ignored"))
    until(lambda: not store_of(gateway.config).queued())
    assert len(answers.sent) == 1


@pytest.mark.parametrize(
    ("calling", "called", "accepted"),
    [("MODALITY", "PNEUMONIA", True), ("STRANGER", "PNEUMONIA", False), ("MODALITY", "SOMEBODY", False)],
)
def test_titles_that_may_connect(
    make_config: MakeConfig, start_gateway: StartGateway, calling: str, called: str, accepted: bool
) -> None:
    gateway = start_gateway(make_config(listen={"calling_ae_titles": ["MODALITY"]}))
    assert bool(send(gateway.port, dicom_film(), calling=calling, called=called)) is accepted
    until(lambda: bool(gateway.events("association_refused")) is not accepted)  # logged after the sender is told


@pytest.mark.parametrize(("peer", "accepted"), [("127.0.0.0/8", True), ("10.1.2.3", False)])
def test_addresses_that_may_connect(
    make_config: MakeConfig, start_gateway: StartGateway, peer: str, accepted: bool
) -> None:
    gateway = start_gateway(make_config(listen={"peers": [peer]}))
    assert bool(send(gateway.port, dicom_film())) is accepted
    assert gateway.metric("turned_away_total", why="peer") == (0 if accepted else 1)


def test_a_limit_of_associations(make_config: MakeConfig, start_gateway: StartGateway) -> None:
    gateway = start_gateway(make_config(listen={"max_associations": 1}))
    node = AE(ae_title="ANYBODY")
    node.add_requested_context(Verification)
    first = node.associate("127.0.0.1", gateway.port, ae_title="PNEUMONIA")
    assert send(gateway.port, dicom_film()) == []
    first.release()
    until(lambda: send(gateway.port, dicom_film()) == [0x0000])


def test_a_too_large_image_aborts_its_association(
    make_config: MakeConfig, start_gateway: StartGateway, pacs: Pacs
) -> None:
    gateway = start_gateway(make_config(limits={"max_image_mb": 1}))
    large = dcmread(io.BytesIO(dicom_film()))
    large.add_new(0x00091001, "OB", b"\0" * 3_000_000)
    large.add_new(0x00090010, "LO", "SOMEBODY")
    stream = io.BytesIO()
    large.save_as(stream)
    assert send(gateway.port, stream.getvalue()) in ([None], [])
    assert gateway.metric("turned_away_total", why="size") >= 1
    assert send(gateway.port, dicom_film()) == [0x0000]  # the next image is accepted
    until(lambda: len(pacs.stored) == 2)


def test_a_full_queue_says_so_and_nothing_is_lost(
    make_config: MakeConfig, start_gateway: StartGateway, answers: FakeAnswers, pacs: Pacs
) -> None:
    answers.broken = True
    gateway = start_gateway(make_config(limits={"max_queued": 1}))
    other = dicom_film(SOPInstanceUID="1.2.826.0.1.3680043.8.498.77.9")
    assert send(gateway.port, dicom_film(), other) == [0x0000, 0xA700]
    answers.broken = False
    until(lambda: len(pacs.stored) == 2)
    until(lambda: send(gateway.port, other) == [0x0000])
    until(lambda: len(pacs.stored) == 4)


def test_a_failed_attempt_is_repeated(
    make_config: MakeConfig, start_gateway: StartGateway, answers: FakeAnswers, pacs: Pacs
) -> None:
    answers.broken, pacs.status = True, 0xA700
    gateway = start_gateway(make_config())
    send(gateway.port, dicom_film())
    until(lambda: gateway.metric("retries_total", stage="predict") >= 2)
    answers.broken = False
    until(lambda: gateway.metric("retries_total", stage="deliver") >= 2)
    assert len(answers.sent) == 1  # the answer is not requested again
    pacs.status = 0
    until(lambda: len(pacs.stored) == 2)
    assert "0xA700" in gateway.events("try_again")[-1]["reason"]


def test_a_node_that_is_down_gets_its_results_later(
    make_config: MakeConfig, start_gateway: StartGateway, pacs: Pacs
) -> None:
    with_nobody = start_gateway(make_config(deliver={"port": 9}))
    send(with_nobody.port, dicom_film())
    until(lambda: with_nobody.events("try_again"))
    assert "cannot be reached" in with_nobody.events("try_again")[0]["reason"]
    assert store_of(with_nobody.config).queued()


def test_an_image_that_already_waits_is_logged(
    make_config: MakeConfig, start_gateway: StartGateway, pacs: Pacs
) -> None:
    pacs.status = 0xA700
    gateway = start_gateway(make_config())
    for image in (dicom_film(), dicom_film(PatientID="OTHER")):
        send(gateway.port, image)
    (known,), (again,) = gateway.events("received"), gateway.events("received_again")
    assert again["job"] == known["job"]
    assert "OTHER" not in gateway.log


def test_a_failed_image_is_kept_with_its_reason(
    make_config: MakeConfig, start_gateway: StartGateway, pacs: Pacs
) -> None:
    gateway = start_gateway(make_config())
    send(gateway.port, dicom_film(StudyInstanceUID=None))
    until(lambda: gateway.events("given_up"))
    store = store_of(gateway.config)
    until(lambda: not store.queued())
    (job,) = store.failed()
    assert store.reason(job)["stage"] == "predict"
    assert "StudyInstanceUID" in store.reason(job)["reason"]
    assert not pacs.stored


def test_an_image_with_burnt_in_text_is_not_sent_to_a_service(
    make_config: MakeConfig, start_gateway: StartGateway, answers: FakeAnswers, pacs: Pacs
) -> None:
    gateway = start_gateway(make_config(predict={"by": "service", "url": "http://127.0.0.1:9"}))
    send(gateway.port, dicom_film(BurnedInAnnotation="YES"))
    until(lambda: len(pacs.stored) == 1)
    assert pacs.stored[0].Modality == "SR"
    assert "R-NOT-SENT" in str(pacs.stored[0])
    assert not answers.sent


def test_compressed_images_come_in_as_they_are(
    make_config: MakeConfig, start_gateway: StartGateway, answers: FakeAnswers, pacs: Pacs, image_bytes: object
) -> None:
    from pydicom.encaps import encapsulate

    jpeg = image_bytes(kind="JPEG")  # type: ignore[operator]
    image = dcmread(io.BytesIO(dicom_film(BitsAllocated=8, BitsStored=8, HighBit=7, Rows=72, Columns=96)))
    image.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    image.PixelData = encapsulate([jpeg])
    image["PixelData"].is_undefined_length = True
    image["PixelData"].VR = "OB"
    stream = io.BytesIO()
    image.save_as(stream)
    gateway = start_gateway(make_config())
    assert send(gateway.port, stream.getvalue()) == [0x0000]
    until(lambda: len(pacs.stored) == 2)
    assert dcmread(io.BytesIO(answers.sent[0])).file_meta.TransferSyntaxUID == JPEGBaseline8Bit


def test_two_gateways_do_not_share_a_folder(make_config: MakeConfig, start_gateway: StartGateway) -> None:
    start_gateway(make_config())
    with pytest.raises(StateInUse):
        start_gateway(make_config())


def test_metrics_over_http(make_config: MakeConfig, start_gateway: StartGateway) -> None:
    port = unused_port()
    gateway = start_gateway(make_config(metrics={"port": port}))
    send(gateway.port, dicom_film())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    assert 'pneumonia_gateway_received_total{by="c-store"} 1.0' in text
    assert "pneumonia_gateway_queued" in text


needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not here")


@needs_openssl
def test_tls_with_certificates_on_both_sides(
    make_config: MakeConfig, start_gateway: StartGateway, tmp_path: Path, pacs: Pacs
) -> None:
    make_certificates(tmp_path, "node", "modality")
    files = {
        "tls_certificate": str(tmp_path / "node.crt"),
        "tls_key": str(tmp_path / "node.key"),
        "tls_client_ca": str(tmp_path / "modality.crt"),
    }
    gateway = start_gateway(make_config(listen=files))
    context = ssl.create_default_context(cafile=tmp_path / "node.crt")
    assert send(gateway.port, dicom_film()) == []  # not without TLS
    assert send(gateway.port, dicom_film(), tls_args=(context, "127.0.0.1")) == []  # not without a certificate
    context.load_cert_chain(tmp_path / "modality.crt", tmp_path / "modality.key")
    assert send(gateway.port, dicom_film(), tls_args=(context, "127.0.0.1")) == [0x0000]
    until(lambda: len(pacs.stored) == 2)


@needs_openssl
def test_results_go_by_tls_to_a_node_that_is_known(
    make_config: MakeConfig, start_gateway: StartGateway, tmp_path: Path
) -> None:
    make_certificates(tmp_path, "pacs", "stranger")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "pacs.crt", tmp_path / "pacs.key")
    secure = Pacs(context)
    try:
        deliver = {"port": secure.port, "tls": True, "tls_ca": str(tmp_path / "stranger.crt")}
        state = {"state": str(tmp_path / "other")}
        careful = start_gateway(make_config(deliver=deliver, **state))
        send(careful.port, dicom_film())
        until(lambda: careful.metric("retries_total", stage="deliver") >= 1)
        assert not secure.stored
        gateway = start_gateway(make_config(deliver={**deliver, "tls_ca": str(tmp_path / "pacs.crt")}))
        send(gateway.port, dicom_film())
        until(lambda: len(secure.stored) == 2)
    finally:
        secure.close()

import contextlib
import shutil
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pneumonia_cli.hl7_out.message import control_id
from pneumonia_cli.hl7_out.mllp import NotAcknowledged, Receiver
from tests.dicom_out.films import HEADER
from tests.gateway.certificates import make_certificates
from tests.hl7_out.receiver import END, START, mllp_receiver
from tests.hl7_out.test_message import text_of

MESSAGE = text_of().encode()
MSH = b"MSH|^~\\&|RIS|||||||1|P|2.3\r"


@pytest.mark.parametrize("code", ["AA", "CA"])
def test_a_message_is_accepted_and_acknowledged(code: str) -> None:
    with mllp_receiver() as receiver:
        receiver.code = code
        Receiver("127.0.0.1", receiver.port).send(MESSAGE)
        Receiver("127.0.0.1", receiver.port).send(MESSAGE)
        assert receiver.messages == {control_id(MESSAGE): MESSAGE.decode()}
        assert receiver.connections == 2


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR", "ZZ"])
def test_messages_that_were_not_accepted(code: str) -> None:
    with mllp_receiver() as receiver:
        receiver.code = code
        with pytest.raises(NotAcknowledged) as raised:
            Receiver("127.0.0.1", receiver.port).send(MESSAGE)
    told = str(raised.value)
    assert (code in told) is (code != "ZZ")
    assert "ZZTEXT" not in told  # MSA-3 may quote the message
    assert HEADER["PatientID"] not in told


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", "not an acknowledgement"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not an acknowledgement"),
        (START + b"MSH" + END, "not an acknowledgement"),
        (START + MSH + END, "not an acknowledgement"),
        (START + MSH + b"MSA|AA\r" + END, "not an acknowledgement"),
        (START + MSH + b"MSA|AA|another\r" + END, "another message"),
        (START + b"x" * 80_000, "not an acknowledgement"),
    ],
)
def test_an_unrelated_response_does_not_count_as_accepted(answer: bytes, told: str) -> None:
    with mllp_receiver() as receiver:
        receiver.answer = answer
        with pytest.raises(NotAcknowledged, match=told):
            Receiver("127.0.0.1", receiver.port).send(MESSAGE)


def test_an_acknowledgement_with_other_separators() -> None:
    """Line feeds between segments, and separators that the receiver chose."""
    with mllp_receiver() as receiver:
        receiver.answer = START + b"MSH#^~\\&#RIS\r\nMSA#AA#ID\r\n" + END
        Receiver("127.0.0.1", receiver.port).send(MESSAGE)


def test_a_receiver_that_is_down_or_silent() -> None:
    with pytest.raises(NotAcknowledged, match="Cannot reach"):
        Receiver("127.0.0.1", 9).send(MESSAGE)
    with pytest.raises(NotAcknowledged, match="Cannot reach"):
        Receiver("ris..example", 2575).send(MESSAGE)
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(NotAcknowledged, match="did not respond"):
        Receiver("127.0.0.1", listener.getsockname()[1], timeout_seconds=0.1).send(MESSAGE)


def test_a_receiver_that_never_ends_its_answer() -> None:
    """Every byte arrives in time, but the complete answer does not."""

    def trickle(listener: socket.socket) -> None:
        link, _ = listener.accept()
        with link, contextlib.suppress(OSError):  # until the sender closes the connection
            link.sendall(START)
            for _ in range(3000):
                link.sendall(b"x")
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=[listener])
        thread.start()
        with pytest.raises(NotAcknowledged, match="did not respond"):
            Receiver("127.0.0.1", listener.getsockname()[1], timeout_seconds=0.2).send(MESSAGE)
        thread.join()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_tls_to_a_receiver_that_is_known(tmp_path: Path) -> None:
    make_certificates(tmp_path, "records", "stranger", "gateway")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / "gateway.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "records.crt", tmp_path / "records.key")
    ours: dict[str, Any] = {"tls_certificate": str(tmp_path / "gateway.crt"), "tls_key": str(tmp_path / "gateway.key")}
    with mllp_receiver(context) as receiver:
        wrong: list[dict[str, Any]] = [
            {**ours, "tls_ca": str(tmp_path / "stranger.crt")},
            {"tls_ca": str(tmp_path / "records.crt")},
        ]
        for options in wrong:
            with pytest.raises(NotAcknowledged):
                Receiver("127.0.0.1", receiver.port, tls=True, **options).send(MESSAGE)
        assert not receiver.messages
        Receiver("127.0.0.1", receiver.port, tls=True, tls_ca=str(tmp_path / "records.crt"), **ours).send(MESSAGE)
        assert receiver.messages

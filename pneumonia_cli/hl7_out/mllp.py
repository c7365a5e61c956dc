"""Send HL7 v2 messages by MLLP over TCP, and wait for each acknowledgement."""

import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from pneumonia_cli.hl7_out.message import control_id

_START: Final = b"\x0b"
_END: Final = b"\x1c\r"
_LONGEST_ANSWER: Final = 65_536
_ACCEPTED: Final = ("AA", "CA")
_NOT_ACCEPTED: Final = {
    "AE": "reported an error",
    "AR": "rejected the message",
    "CE": "reported an error",
    "CR": "rejected the message",
}
"""Codes of acknowledgement (table 0008)."""


class NotAcknowledged(Exception):
    """The receiver did not accept a message. The text quotes neither the message nor the response."""


@dataclass(frozen=True)
class Receiver:
    """The receiver of messages.

    `tls_ca`: certificates to trust. `tls_certificate` and `tls_key`: certificate and key of this client.

    Opens a new connection for each message, one at a time, since many receivers accept only one connection. Safe to
    share between threads.
    """

    host: str
    port: int
    tls: bool = False
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    timeout_seconds: float = 30.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def send(self, message: bytes) -> None:
        """Send a message and wait for its acknowledgement. Raises NotAcknowledged if the message was not accepted."""
        try:
            with self._lock, self._connected() as link:
                link.sendall(_START + message + _END)
                answer = _answer(link, time.monotonic() + self.timeout_seconds)
        except TimeoutError:
            raise NotAcknowledged("The HL7 receiver did not respond in time.") from None
        except (OSError, UnicodeError) as error:  # OSError includes ssl errors; UnicodeError: an invalid host name
            raise NotAcknowledged(f"Cannot reach the HL7 receiver ({type(error).__name__}).") from None
        _check(answer, control_id(message))

    def _connected(self) -> socket.socket:
        link = socket.create_connection((self.host, self.port), timeout=self.timeout_seconds)
        if not self.tls:
            return link
        try:
            context = ssl.create_default_context(cafile=self.tls_ca or None)
            if self.tls_certificate:
                context.load_cert_chain(self.tls_certificate, self.tls_key or None)
            return context.wrap_socket(link, server_hostname=self.host)
        except BaseException:
            link.close()
            raise


def _answer(link: socket.socket, deadline: float) -> bytes:
    """Return the bytes between the start and end marks. `deadline`: for all bytes together, on the monotonic clock.

    Raises NotAcknowledged, OSError.
    """
    received = b""
    while _END not in received:
        link.settimeout(max(0.001, deadline - time.monotonic()))  # a timeout of 0 would mean non-blocking
        piece = link.recv(4096)
        if not piece or len(received) > _LONGEST_ANSWER:
            raise NotAcknowledged("The response of the HL7 receiver is not an acknowledgement.")
        received += piece
    return received.partition(_START)[2].partition(_END)[0]


def _check(answer: bytes, sent: str) -> None:
    segments = answer.decode("utf-8", "replace").replace("\n", "\r").split("\r")
    separator = segments[0][3:4]
    found = [segment.split(separator) for segment in segments if separator and segment.startswith(f"MSA{separator}")]
    if not segments[0].startswith("MSH") or len(found) != 1 or len(found[0]) < 3:
        raise NotAcknowledged("The response of the HL7 receiver is not an acknowledgement.")
    code, told_id = found[0][1].strip(), found[0][2].strip()
    if told_id != sent:
        raise NotAcknowledged("The HL7 receiver acknowledged another message.")
    if code not in _ACCEPTED:
        how = f"{_NOT_ACCEPTED[code]} ({code})" if code in _NOT_ACCEPTED else "sent an unknown acknowledgement code"
        raise NotAcknowledged(f"The HL7 receiver {how}.")

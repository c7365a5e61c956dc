"""A small MLLP server that keeps the messages it receives, checks them strictly, and acknowledges them."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

START, END = b"\x0b", b"\x1c\r"


@dataclass
class Receiver:
    """`messages`: accepted messages by control id. `code`: acknowledgement code to send. `answer`: a complete answer to
    send instead, in which "ID" stands for the control id; empty to close the connection without an answer."""

    port: int = 0
    messages: dict[str, str] = field(default_factory=dict)
    connections: int = 0
    code: str = "AA"
    answer: bytes | None = None

    def answered(self, message: bytes) -> bytes:
        text = message.decode()
        parsed = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT)
        parsed.validate()
        identity = str(parsed.msh.msh_10.value)
        if self.answer is not None:
            return self.answer.replace(b"ID", identity.encode())
        if self.code in ("AA", "CA"):
            self.messages[identity] = text
        ack = f"MSH|^~\\&|RIS|||PNEUMONIA|20240917||ACK^R01^ACK|1|P|2.5.1\rMSA|{self.code}|{identity}|ZZTEXT\r"
        return START + ack.encode() + END


@contextmanager
def mllp_receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver on 127.0.0.1."""
    listener = socket.create_server(("127.0.0.1", 0))
    receiver = Receiver(listener.getsockname()[1])

    def serve() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            receiver.connections += 1
            link.settimeout(60)
            with suppress(OSError), link:
                secure = tls.wrap_socket(link, server_side=True) if tls else link
                with secure:
                    received = b""
                    while END not in received and (piece := secure.recv(4096)):
                        received += piece
                    assert received.startswith(START)
                    secure.sendall(receiver.answered(received[1:].partition(END)[0]))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)

"""A relay between a client and a server. It keeps every byte that the client sends."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Wiretap:
    """`sent` holds the bytes of each connection, in the order of the connections."""

    port: int
    sent: list[bytearray] = field(default_factory=list)

    @property
    def everything(self) -> bytes:
        return b"\n".join(bytes(part) for part in self.sent)


@contextmanager
def wiretap(port: int) -> Iterator[Wiretap]:
    """Listen on a free port of 127.0.0.1 and relay connections to `port`."""
    listener = socket.create_server(("127.0.0.1", 0))
    tap = Wiretap(listener.getsockname()[1])
    links: list[socket.socket] = []

    # Rewrite the Host header, because the local cloud accepts only its own host name and port.
    hosts = f"Host: 127.0.0.1:{tap.port}\r\n".encode(), f"Host: 127.0.0.1:{port}\r\n".encode()

    def relay(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
        try:
            while data := source.recv(65_536):
                if kept is not None:
                    kept += data
                target.sendall(data.replace(*hosts))
            target.shutdown(socket.SHUT_WR)
        except OSError:  # one side closed the connection
            pass

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", port))
            links.extend((client, server))
            kept = bytearray()
            tap.sent.append(kept)
            for arguments in ((client, server, kept), (server, client, None)):
                threads.append(threading.Thread(target=relay, args=arguments, daemon=True))
                threads[-1].start()

    threads = [threading.Thread(target=serve, daemon=True)]
    threads[0].start()
    try:
        yield tap
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for link in links:
            link.close()
        for thread in list(threads):
            thread.join(5)

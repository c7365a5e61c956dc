"""Tests against a real TLS server on loopback. Only DNS and the last step of connecting are replaced."""

import datetime
import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pneumonia.errors import TooLarge, UrlFetchFailed, UrlNotAllowed
from pneumonia.http.fetch import MAX_REDIRECTS, PinnedConnection, Policy, check_url, fetch, tls_context

HOST = "images.example.org"
OTHER = "pacs.example.org"
PUBLIC = "93.184.216.34"
POLICY = Policy(frozenset({HOST, OTHER}), max_bytes=1000, timeout_seconds=20.0)
BODY = bytes(range(256)) * 2


class Handler(BaseHTTPRequestHandler):
    """Responds by path, and records the requests on the server."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append((self.headers["Host"], self.path))  # type: ignore[attr-defined]
        getattr(self, "get_" + self.path.strip("/").partition("?")[0].replace("-", "_"))()

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def get_image(self) -> None:
        self.reply(200, BODY)

    def get_gone(self) -> None:
        self.reply(404, b"not an image")

    def get_large(self) -> None:
        self.reply(200, bytes(1001))

    def get_endless(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"64\r\n" + bytes(0x64) + b"\r\n")
        except OSError:
            self.close_connection = True

    def get_short(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "500")
        self.end_headers()
        self.wfile.write(b"only this")
        self.close_connection = True

    def get_drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "900")
        self.end_headers()
        try:
            while not self.server.stopping.wait(0.05):  # type: ignore[attr-defined]
                self.wfile.write(b"x")
                self.wfile.flush()
        except OSError:
            self.close_connection = True

    def get_drip_headers(self) -> None:
        self.send_response(200)
        self.flush_headers()
        try:
            while not self.server.stopping.wait(0.05):  # type: ignore[attr-defined]
                self.wfile.write(b"X-More: x\r\n")
                self.wfile.flush()
        except OSError:
            self.close_connection = True

    def get_to_loopback(self) -> None:
        self.reply(302, Location="https://2130706433/image")

    def get_nonsense(self) -> None:
        self.wfile.write(b"220 smtp.example.org ready\r\n\r\n")
        self.close_connection = True

    def get_here(self) -> None:
        self.reply(302, Location="/image")

    def get_other_host(self) -> None:
        self.reply(307, Location=f"https://{OTHER}/image")

    def get_loop(self) -> None:
        self.reply(301, Location="/loop")

    def get_to_no_url(self) -> None:
        self.reply(302, Location="https://[bad")

    def get_to_no_port(self) -> None:
        self.reply(302, Location=f"https://{HOST}:port/image")

    def get_nowhere(self) -> None:
        self.reply(302)

    def get_to_http(self) -> None:
        self.reply(302, Location=f"http://{HOST}/image")

    def get_to_metadata(self) -> None:
        self.reply(302, Location="https://169.254.169.254/latest/meta-data/")

    def get_to_credentials(self) -> None:
        self.reply(302, Location=f"https://user:secret@{HOST}/image")

    def log_message(self, *args: object) -> None:
        pass


class ImageServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # these tests are about clients that hang up or refuse the certificate


@dataclass
class Web:
    """The server, a fake DNS, and the requests to both."""

    port: int
    cafile: str
    seen: list[tuple[str, str]]
    addresses: dict[str, list[str]] = field(default_factory=lambda: {HOST: [PUBLIC], OTHER: [PUBLIC]})
    resolved: list[str] = field(default_factory=list)
    connected: list[tuple[str, str]] = field(default_factory=list)
    broken: frozenset[str] = frozenset()

    def resolve(self, host: str) -> list[str]:
        self.resolved.append(host)
        return self.addresses[host]

    def connect(self, host: str, address: str, deadline: float) -> http.client.HTTPConnection:
        self.connected.append((host, address))
        port = 1 if address in self.broken else self.port
        return PinnedConnection(host, "127.0.0.1", deadline, context=tls_context(self.cafile), port=port)

    def fetch(self, path: str, policy: Policy = POLICY, host: str = HOST) -> bytes:
        return fetch(f"https://{host}{path}", policy, resolve=self.resolve, connect=self.connect)


def write_certificate(directory: Path, *names: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certfile, keyfile = directory / "cert.pem", directory / "key.pem"
    certfile.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    keyfile.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certfile, keyfile


Serve = Callable[..., Web]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a TLS server whose certificate is for the given names."""
    running: list[tuple[ImageServer, threading.Thread]] = []

    def start(*names: str) -> Web:
        certfile, keyfile = write_certificate(tmp_path, *names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certfile, keyfile)
        server = ImageServer(("127.0.0.1", 0), Handler)
        # The handshake runs in the connection's thread, so a refused one blocks no other.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.seen = []  # type: ignore[attr-defined]
        server.stopping = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        running.append((server, thread))
        return Web(server.server_address[1], str(certfile), server.seen)  # type: ignore[attr-defined]

    yield start
    for server, thread in running:
        server.stopping.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def web(serve: Serve) -> Web:
    return serve(HOST, OTHER)


def test_fetches_over_tls_from_the_address_that_was_checked(web: Web) -> None:
    assert web.fetch("/image?size=full#part") == BODY
    assert web.connected == [(HOST, PUBLIC)]
    assert web.seen == [(HOST, "/image?size=full")]


def test_the_name_is_resolved_once_so_a_second_response_cannot_replace_the_address(web: Web) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    data = fetch(f"https://{HOST}/image", POLICY, resolve=lambda _: next(answers), connect=web.connect)
    assert data == BODY
    assert next(answers) == ["127.0.0.1"]  # never requested
    assert web.connected == [(HOST, PUBLIC)]


def test_rebinding_between_redirects_is_caught(web: Web) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    with pytest.raises(UrlNotAllowed, match="not public"):
        fetch(f"https://{HOST}/here", POLICY, resolve=lambda _: next(answers), connect=web.connect)
    assert web.seen == [(HOST, "/here")]


@pytest.mark.parametrize(
    "addresses",
    [
        ["169.254.169.254"], ["169.254.170.2"], ["fd00:ec2::254"], ["127.0.0.1"], ["0.0.0.0"], ["::1"], ["::"],  # noqa: S104
        ["::ffff:10.0.0.1"], ["::ffff:169.254.170.2"], ["64:ff9b::a9fe:a9fe"], ["2002:7f00:1::1"], ["fe80::1%eth0"],
        ["100.64.0.1"], [PUBLIC, "10.0.0.1"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_connection_to_an_address_that_is_not_public(web: Web, addresses: list[str]) -> None:
    web.addresses[HOST] = addresses
    with pytest.raises(UrlNotAllowed, match="not public"):
        web.fetch("/image")
    assert web.connected == []


def test_next_address_is_tried(web: Web) -> None:
    web.addresses[HOST] = ["93.184.216.35", PUBLIC]
    web.broken = frozenset({"93.184.216.35"})
    assert web.fetch("/image") == BODY
    assert web.connected == [(HOST, "93.184.216.35"), (HOST, PUBLIC)]


def test_no_address_responds(web: Web) -> None:
    web.broken = frozenset({PUBLIC})
    with pytest.raises(UrlFetchFailed, match="could not be reached"):
        web.fetch("/image")


def test_certificate_for_another_name(serve: Serve) -> None:
    web = serve("elsewhere.example.org")
    with pytest.raises(UrlFetchFailed, match="certificate"):
        web.fetch("/image")
    assert web.seen == []


def test_certificate_of_an_unknown_authority(web: Web) -> None:
    def connect(host: str, _address: str, deadline: float) -> http.client.HTTPConnection:
        return PinnedConnection(host, "127.0.0.1", deadline, context=tls_context(), port=web.port)

    with pytest.raises(UrlFetchFailed, match="certificate"):
        fetch(f"https://{HOST}/image", POLICY, resolve=web.resolve, connect=connect)


def test_redirect_on_the_same_host(web: Web) -> None:
    assert web.fetch("/here") == BODY
    assert web.resolved == [HOST, HOST]


def test_redirect_to_another_allowed_host(web: Web) -> None:
    assert web.fetch("/other-host") == BODY
    assert web.connected == [(HOST, PUBLIC), (OTHER, PUBLIC)]


@pytest.mark.parametrize("path", ["/other-host", "/to-http", "/to-metadata", "/to-credentials", "/to-loopback"])
def test_every_redirect_is_checked_again(web: Web, path: str) -> None:
    with pytest.raises(UrlNotAllowed):
        web.fetch(path, Policy(frozenset({HOST}), 1000, 20.0))
    assert web.seen == [(HOST, path)]


@pytest.mark.parametrize("path", ["/to-no-url", "/to-no-port"])
def test_a_redirect_to_an_invalid_url(web: Web, path: str) -> None:
    with pytest.raises(UrlNotAllowed, match="cannot be parsed"):
        web.fetch(path)


def test_redirects_end(web: Web) -> None:
    with pytest.raises(UrlFetchFailed, match=f"more than {MAX_REDIRECTS} times"):
        web.fetch("/loop")
    assert len(web.seen) == MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/gone", "status 404"),
        ("/nowhere", "without a Location"),
        ("/short", "before the image was complete"),
        ("/nonsense", "valid HTTP"),
    ],
)
def test_responses_without_an_image(web: Web, path: str, message: str) -> None:
    with pytest.raises(UrlFetchFailed, match=message):
        web.fetch(path)


@pytest.mark.parametrize("path", ["/large", "/endless"])
def test_size_is_limited_while_streaming(web: Web, path: str) -> None:
    with pytest.raises(TooLarge, match="1000 bytes"):
        web.fetch(path)


@pytest.mark.parametrize("path", ["/drip", "/drip-headers"])
def test_a_slow_server_is_cut_off_at_the_deadline(web: Web, path: str) -> None:
    # A few bytes every 50 ms: each read succeeds, but the whole takes too long.
    with pytest.raises(UrlFetchFailed, match=r"within 0\.5 s"):
        web.fetch(path, Policy(frozenset({HOST}), 1000, 0.5))


def test_unknown_name() -> None:
    def resolve(_host: str) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(UrlFetchFailed, match="resolved"):
        fetch(f"https://{HOST}/image", POLICY, resolve=resolve)


def test_name_without_addresses() -> None:
    with pytest.raises(UrlFetchFailed, match="no address"):
        fetch(f"https://{HOST}/image", POLICY, resolve=lambda _: [])


def test_off_by_default() -> None:
    with pytest.raises(UrlNotAllowed, match="allowed_url_hosts"):
        check_url(f"https://{HOST}/image", frozenset())


@pytest.mark.parametrize(
    "url",
    [
        f"https://{HOST}/a.png",
        f"https://{HOST}",
        f"https://{HOST}:443/a.png",
        "HTTPS://Images.Example.ORG/a%20b.png?x=1",
    ],
)
def test_urls_that_may_be_fetched(url: str) -> None:
    assert check_url(url, POLICY.allowed_hosts).hostname == HOST


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/a.png",
        f"ftp://{HOST}/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,aGVsbG8=",
        f"//{HOST}/a.png",
        f"https://{HOST}:8443/a.png",
        f"https://{HOST}:99999/a.png",
        f"https://user@{HOST}/a.png",
        f"https://user:secret@{HOST}/a.png",
        f"https://:@{HOST}/a.png",
        f"https://{HOST}@evil.example.com/a.png",
        f"https://evil.example.com#@{HOST}/",
        f"https://evil.example.com\\@{HOST}/",
        f"https://{HOST}.evil.example.com/",
        f"https://evil{HOST}/",
        f"https://{HOST}./",
        "https://169.254.169.254/latest/meta-data/",
        "https://169.254.170.2/v2/credentials/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0xa9fea9fe/",
        "https://127.1/",
        "https://0/",
        "https://[::ffff:169.254.169.254]/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://169.254.169.254.nip.example.org/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::1/",
        "https://",
        "https:///a.png",
        f"https://{HOST}/a b.png",
        f"https://{HOST}/a\r\nHost: evil.example.com",
        f"https://{HOST}/\u00fc.png",
        f"\thttps://{HOST}/a.png",
        "",
    ],
)
def test_urls_that_may_not_be_fetched(url: str) -> None:
    with pytest.raises(UrlNotAllowed) as refused:
        check_url(url, POLICY.allowed_hosts)
    assert HOST not in refused.value.detail

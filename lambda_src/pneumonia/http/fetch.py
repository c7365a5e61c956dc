"""Fetch an image from an allowed host, with protection against server-side request forgery (SSRF).

Only https on port 443 is used, to hosts that the settings name. The host name is resolved once, and every address must
be public. The connection goes to the checked address, so a second DNS response cannot replace it (DNS rebinding). The
TLS certificate is checked for the host name. Redirects are followed here, and each new URL passes the same checks.
"""

import functools
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from pneumonia.errors import PneumoniaError, TooLarge, UrlFetchFailed, UrlNotAllowed
from pneumonia.http.addresses import is_public

MAX_REDIRECTS = 3
PORT = 443
_CHUNK = 65_536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_SEND_IT = "Check the URL, or send the image itself."

Resolve = Callable[[str], Sequence[str]]
"""Takes a host name and returns its addresses as text."""
Connect = Callable[[str, str, float], http.client.HTTPConnection]
"""Takes a host name, an address and the deadline (time.monotonic()), and returns an unopened connection."""


@dataclass(frozen=True)
class Policy:
    """The limits of a fetch.

    Attributes:
        allowed_hosts: exact host names in lower case.
        max_bytes: maximum size of an image in bytes.
        timeout_seconds: for the whole fetch, including redirects. A DNS query in progress is not interrupted.
    """

    allowed_hosts: frozenset[str]
    max_bytes: int
    timeout_seconds: float


class _DeadlineSocket(ssl.SSLSocket):
    """A TLS socket with one deadline for all reads.

    The timeout of a socket starts again with every byte, so a server that sends single bytes could keep the function
    busy for hours.
    """

    deadline: float

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_remaining(self.deadline))
        return super().recv_into(*args, **kwargs)


class PinnedConnection(http.client.HTTPSConnection):
    """An HTTPS connection to one given address. The certificate is checked for the host name."""

    def __init__(self, host: str, address: str, deadline: float, *, context: ssl.SSLContext, port: int = PORT) -> None:
        super().__init__(host, PORT, context=context)
        self._target = (address, port)
        self._deadline = deadline
        self._tls = context

    def connect(self) -> None:
        raw = socket.create_connection(self._target, _remaining(self._deadline))
        try:
            raw.settimeout(_remaining(self._deadline))  # applies to the whole TLS handshake
            tls = self._tls.wrap_socket(raw, server_hostname=self.host)
        except BaseException:
            raw.close()
            raise
        if isinstance(tls, _DeadlineSocket):
            tls.deadline = self._deadline
        self.sock = tls


def tls_context(cafile: str | None = None) -> ssl.SSLContext:
    """Return a verifying client context whose sockets have a deadline. `cafile`: trust only this file."""
    context = ssl.create_default_context(cafile=cafile)
    context.sslsocket_class = _DeadlineSocket
    return context


@functools.cache
def _system_context() -> ssl.SSLContext:
    return tls_context()  # cached, because reading the CA bundle takes milliseconds


def resolve_host(host: str) -> list[str]:
    """Return all addresses of a host in the system's order. The system's resolver determines the timeout."""
    found = socket.getaddrinfo(host, PORT, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def connect_pinned(host: str, address: str, deadline: float) -> http.client.HTTPConnection:
    """Return a connection to port 443 that trusts the system's certificate authorities."""
    return PinnedConnection(host, address, deadline, context=_system_context())


def fetch(url: str, policy: Policy, *, resolve: Resolve = resolve_host, connect: Connect = connect_pinned) -> bytes:
    """Return the bytes at an https URL.

    Raises UrlNotAllowed (host, scheme, port, credentials, address that is not public), UrlFetchFailed (no
    connection, bad certificate, a status other than 200, too slow, too many redirects), TooLarge. The messages
    do not quote the URL.
    """
    deadline = time.monotonic() + policy.timeout_seconds
    for _ in range(MAX_REDIRECTS + 1):
        target = check_url(url, policy.allowed_hosts)
        found = _request(target, policy, deadline, resolve, connect)
        if isinstance(found, bytes):
            return found
        try:
            url = urljoin(url, found.location)
        except ValueError:
            raise UrlNotAllowed("The URL redirects to one that cannot be parsed. Send the image itself.") from None
    raise UrlFetchFailed(f"The URL redirects more than {MAX_REDIRECTS} times. {_SEND_IT}")


def check_url(url: str, allowed_hosts: frozenset[str]) -> SplitResult:
    """Check that a URL may be fetched, and split it. Raises UrlNotAllowed; its message says what to change."""
    if not allowed_hosts:
        raise UrlNotAllowed(
            "Fetching by URL is turned off. Send the image itself, or ask the operator to add the host to the setting "
            "allowed_url_hosts."
        )
    # URL parsers disagree about these characters, and attackers use such differences to bypass checks.
    if any(not "!" <= character <= "~" or character == "\\" for character in url):
        raise UrlNotAllowed(
            "The URL has spaces, backslashes, control characters or non-ASCII characters. Percent-encode them."
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UrlNotAllowed("The URL cannot be parsed. Correct it, or send the image itself.") from None
    if parts.scheme != "https":
        raise UrlNotAllowed("The URL must begin with https://.")
    if parts.username is not None or parts.password is not None:
        raise UrlNotAllowed("The URL must not contain a user name or a password.")
    if port not in (None, PORT):
        raise UrlNotAllowed(f"The URL must use port {PORT}.")
    if not host or host not in allowed_hosts:
        raise UrlNotAllowed(
            "The host of the URL is not in the setting allowed_url_hosts. Send the image itself, or ask the operator "
            "to add the host."
        )
    return parts


@dataclass(frozen=True)
class _Redirect:
    location: str


def _request(
    parts: SplitResult, policy: Policy, deadline: float, resolve: Resolve, connect: Connect
) -> bytes | _Redirect:
    host = parts.hostname or ""
    addresses = _public_addresses(host, resolve)
    problem: PneumoniaError = UrlFetchFailed(f"The host of the URL has no address. {_SEND_IT}")
    for address in addresses:
        connection = connect(host, address, deadline)
        try:
            connection.connect()
            return _read(connection, parts, policy.max_bytes, deadline)
        except TimeoutError:
            raise UrlFetchFailed(
                f"The host did not send the image within {policy.timeout_seconds:g} s. {_SEND_IT}"
            ) from None
        except ssl.SSLCertVerificationError:
            raise UrlFetchFailed(f"The host has no valid TLS certificate for its name. {_SEND_IT}") from None
        except http.client.HTTPException:
            raise UrlFetchFailed(f"The host did not respond in valid HTTP. {_SEND_IT}") from None
        except OSError:
            problem = UrlFetchFailed(f"The host of the URL could not be reached. {_SEND_IT}")  # try its next address
        finally:
            connection.close()
    raise problem


def _public_addresses(host: str, resolve: Resolve) -> Sequence[str]:
    try:
        addresses = resolve(host)
    except (OSError, UnicodeError):
        raise UrlFetchFailed(f"The host name of the URL could not be resolved. {_SEND_IT}") from None
    # Refuse the host even if only one address is private, because a mix of public and private addresses is suspicious.
    if not all(is_public(address) for address in addresses):
        raise UrlNotAllowed("The host of the URL resolves to an address that is not public. Send the image itself.")
    return addresses


def _read(
    connection: http.client.HTTPConnection, parts: SplitResult, max_bytes: int, deadline: float
) -> bytes | _Redirect:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {
        "Accept": "image/*, application/dicom, */*;q=0.1",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "User-Agent": "pneumonia-fetch",
    }
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    if response.status in _REDIRECTS:
        location = response.getheader("Location")
        if not location:
            raise UrlFetchFailed(f"The host returned status {response.status} without a Location. {_SEND_IT}")
        return _Redirect(location)
    if response.status != 200:
        raise UrlFetchFailed(f"The host returned status {response.status} instead of 200. {_SEND_IT}")
    too_large = TooLarge(f"The image at the URL has more than the limit of {max_bytes} bytes. Use a smaller file.")
    if response.length is not None and response.length > max_bytes:
        raise too_large
    data = bytearray()
    while chunk := response.read1(_CHUNK):  # read1 returns available data, so the limit is checked early
        data += chunk
        if len(data) > max_bytes:
            raise too_large
        _remaining(deadline)
    if response.length:
        raise UrlFetchFailed(f"The host closed the connection before the image was complete. {_SEND_IT}")
    return bytes(data)


def _remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left

"""The DICOM node: receives images by C-STORE, and acknowledges an image once it is on disk."""

import ipaddress
import ssl
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pydicom.uid import (
    JPEG2000,
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE, _config, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from pneumonia_cli.gateway.config import Listen
from pneumonia_cli.gateway.log import Log
from pneumonia_cli.gateway.metrics import Metrics
from pneumonia_cli.gateway.store import Full, Store

SOP_CLASSES: Final = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)
"""Accepted SOP classes. Images FOR PROCESSING are accepted, and then refused with a report. The report explains more
than a rejected presentation context."""

TRANSFER_SYNTAXES: Final[tuple[UID, ...]] = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    RLELossless,
)
"""All transfer syntaxes that the decoders read, except Deflated, whose decompressed size is unknown in advance."""

SUCCESS: Final = 0x0000
OUT_OF_RESOURCES: Final = 0xA700
_REJECT: Final = (0x01, 0x01, 0x01)  # rejected permanently, by the service user, no reason given

OnImage = Callable[[Path, str], None]
"""Called with the file of an image and its SOP Instance UID. Raises Full."""


class Receiver:
    """A running server (SCP) for Verification and Storage."""

    def __init__(
        self, listen: Listen, store: Store, on_image: OnImage, log: Log, metrics: Metrics, *, max_image_bytes: int
    ) -> None:
        self._listen = listen
        self._folder = store.receiving
        self._check_room = store.check_room
        self._on_image = on_image
        self._log = log
        self._metrics = metrics
        self._max_image_bytes = max_image_bytes
        self._peers = [ipaddress.ip_network(peer, strict=False) for peer in listen.peers]
        self._bytes: dict[Any, int] = {}
        self._lock = threading.Lock()
        self._node: AE | None = None

    def start(self) -> int:
        """Start listening. Returns the port. Raises OSError, ssl.SSLError."""
        # An incoming image is written to disk in pieces, so that no sender can exhaust the memory.
        _config.STORE_RECV_CHUNKED_DATASET = True
        tempfile.tempdir = str(self._folder)
        node = AE(ae_title=self._listen.ae_title)
        node.require_called_aet = True
        node.require_calling_aet = self._listen.calling_ae_titles
        node.maximum_associations = self._listen.max_associations
        node.acse_timeout = node.dimse_timeout = node.network_timeout = 30
        node.add_supported_context(Verification)
        for kind in SOP_CLASSES:
            node.add_supported_context(kind, list(TRANSFER_SYNTAXES))
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_REJECTED, self._rejected),
            (evt.EVT_DATA_RECV, self._data),
            (evt.EVT_CONN_CLOSE, self._closed),
            (evt.EVT_C_STORE, self._stored),
        ]
        self._node = node
        server = node.start_server(
            (self._listen.host, self._listen.port), block=False, evt_handlers=handlers, ssl_context=self._tls()
        )
        assert server is not None  # noqa: S101 - for the type checker
        return int(server.server_address[1])

    def stop(self) -> None:
        """Stop listening. Aborts the images that are arriving. Their senders send them again."""
        if self._node is not None:
            self._node.shutdown()
        tempfile.tempdir = None

    def _tls(self) -> ssl.SSLContext | None:
        if not self._listen.tls_certificate:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._listen.tls_certificate, self._listen.tls_key)
        if self._listen.tls_client_ca:
            context.load_verify_locations(self._listen.tls_client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _requested(self, event: evt.Event) -> None:
        address = str(event.assoc.remote["address"])
        if self._peers and not any(ipaddress.ip_address(address) in network for network in self._peers):
            self._metrics.turned_away.labels("peer").inc()
            self._log("association_refused", why="peer")
            event.assoc.acse.send_reject(*_REJECT)
            event.assoc.kill()

    def _rejected(self, _event: evt.Event) -> None:
        self._metrics.turned_away.labels("association").inc()
        self._log("association_refused", why="ae_title_or_limit")

    def _data(self, event: evt.Event) -> None:
        """Count the bytes of an association since its last image, and abort the association above the limit."""
        with self._lock:
            size = self._bytes.get(event.assoc, 0) + len(event.data)
            self._bytes[event.assoc] = size
        # The limit includes an allowance for the messages around an image.
        if size > 1.1 * self._max_image_bytes + 100_000:
            self._metrics.turned_away.labels("size").inc()
            self._log("association_aborted", why="size")
            with self._lock:
                self._bytes[event.assoc] = 0
            event.assoc.abort()

    def _closed(self, event: evt.Event) -> None:
        with self._lock:
            self._bytes.pop(event.assoc, None)

    def _stored(self, event: evt.Event) -> int:
        with self._lock:
            self._bytes[event.assoc] = 0
        try:
            self._on_image(event.dataset_path, str(getattr(event.request, "AffectedSOPInstanceUID", "")))
        except (Full, OSError) as error:
            self._metrics.turned_away.labels("full").inc()
            self._log("image_not_taken", why=type(error).__name__)
            return OUT_OF_RESOURCES
        return SUCCESS

"""Deliver DICOM results by C-STORE to a node, or by STOW-RS to a DICOMweb server."""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE
from requests import RequestException

from pneumonia_cli.gateway.config import Deliver
from pneumonia_cli.gateway.errors import TryAgain

_RESULTS: Final = (SecondaryCaptureImageStorage, Comprehensive3DSRStorage)
_WARNINGS: Final = range(0xB000, 0xC000)
"""C-STORE statuses that mean "stored, with a warning" (PS3.4, B.2.3)."""


class Destination(Protocol):
    """Interface of a receiver of results."""

    def send(self, files: Sequence[Path]) -> None:
        """Deliver all files. Raises TryAgain."""


class StoreNode:
    """A DICOM node that stores results (Storage SCP)."""

    def __init__(self, deliver: Deliver, calling_ae_title: str) -> None:
        self._deliver = deliver
        self._calling = calling_ae_title

    def send(self, files: Sequence[Path]) -> None:
        """Deliver files over one association. Raises TryAgain unless every file was stored."""
        node = AE(ae_title=self._calling)
        node.acse_timeout = node.dimse_timeout = node.network_timeout = self._deliver.timeout_seconds
        node.connection_timeout = self._deliver.timeout_seconds
        for kind in _RESULTS:
            node.add_requested_context(kind, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        link = node.associate(
            self._deliver.host, self._deliver.port, ae_title=self._deliver.ae_title, tls_args=self._tls()
        )
        if not link.is_established:
            why = "rejected the association" if link.is_rejected else "cannot be reached"
            raise TryAgain(f"The node that results are sent to {why}.")
        try:
            for file in files:
                self._store(link, file)
        finally:
            if link.is_established:
                link.release()

    def _store(self, link: Any, file: Path) -> None:
        try:
            status = link.send_c_store(dcmread(file)).get("Status")
        except (RuntimeError, ValueError) as error:  # the association ended, or the SOP class was not accepted
            raise TryAgain(f"The node did not accept the {file.stem}.") from error
        if status is None:
            raise TryAgain("The node did not answer.")
        if status != 0 and status not in _WARNINGS:
            raise TryAgain(f"The node refused the {file.stem} with status 0x{status:04X}.")

    def _tls(self) -> tuple[ssl.SSLContext, str] | None:
        if not self._deliver.tls:
            return None
        context = ssl.create_default_context(cafile=self._deliver.tls_ca or None)
        if self._deliver.tls_certificate:
            context.load_cert_chain(self._deliver.tls_certificate, self._deliver.tls_key or None)
        return context, self._deliver.host


class WebServer:
    """A DICOMweb server."""

    def __init__(self, client: DICOMwebClient) -> None:
        self._client = client

    def send(self, files: Sequence[Path]) -> None:
        """Deliver files in one request. Raises TryAgain unless every file was stored."""
        try:
            answer = self._client.store_instances([dcmread(file) for file in files])
        except (RequestException, OSError, ValueError) as error:
            response = getattr(error, "response", None)
            told = "cannot be reached" if response is None else f"returned HTTP {response.status_code}"
            raise TryAgain(f"The DICOMweb server {told}.") from error
        if answer.get("FailedSOPSequence"):
            code = answer.FailedSOPSequence[0].get("FailureReason") or 0
            raise TryAgain(f"The DICOMweb server refused a result, with failure reason 0x{code:04X}.")

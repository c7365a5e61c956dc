"""A PACS that keeps the objects it receives, and answers without a model."""

import io
import ssl
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage, SecondaryCaptureImageStorage
from pynetdicom import AE, evt

from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.gateway.errors import TryAgain
from tests.dicom_out.films import MODEL, prediction


class Pacs:
    """A Storage SCP. Set `status` to the DICOM status that it returns from now on."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.stored: list[Dataset] = []
        self.status = 0x0000
        self._node = AE(ae_title="PACS")
        for kind in (SecondaryCaptureImageStorage, Comprehensive3DSRStorage):
            self._node.add_supported_context(kind)
        handlers: list[Any] = [(evt.EVT_C_STORE, self._take)]
        server = self._node.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=tls)
        assert server is not None
        self.port = int(server.server_address[1])

    def _take(self, event: evt.Event) -> int:
        if self.status == 0:
            dataset = event.dataset
            dataset.file_meta = event.file_meta
            self.stored.append(dataset)
        return self.status

    def of_kind(self, modality: str) -> list[Dataset]:
        return [dataset for dataset in self.stored if dataset.Modality == modality]

    def close(self) -> None:
        self._node.shutdown()


class FakeAnswers:
    """A fake service that answers at once, and keeps the files it receives. If `broken` is set, it fails."""

    def __init__(self, heatmap_png: bytes) -> None:
        self.sent: list[bytes] = []
        self.broken = False
        self._png = heatmap_png

    def model(self) -> dict[str, str]:
        return MODEL

    def of(self, data: bytes) -> Answer:
        if self.broken:
            raise TryAgain("The service returned no prediction: network.")
        self.sent.append(data)
        header = dcmread(io.BytesIO(data))
        image = {
            "warnings": [],
            "sop_instance_uid": header.SOPInstanceUID,
            "study_instance_uid": header.StudyInstanceUID,
        }
        return Answer(prediction(image=image), MODEL, False, self._png)

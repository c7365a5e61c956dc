"""Search every byte that a gateway sends to the service for all patient data of the images."""

import io
import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from prometheus_client import generate_latest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pneumonia_cli.client.service import MAX_DIRECT_BYTES
from pneumonia_cli.gateway.node import open_answers
from pneumonia_cli.gateway.pseudonyms import KEY_FILE, Pseudonyms
from tests.client.conftest import Stack
from tests.dicom_out.films import HEADER, dicom_film
from tests.fhir_out.server import fhir_server
from tests.gateway.conftest import MakeConfig, StartGateway, send, until
from tests.gateway.fakes import Pacs
from tests.gateway.needles import needles
from tests.gateway.test_deidentify import rich_image
from tests.gateway.wiretap import wiretap
from tests.hl7_out.receiver import mllp_receiver

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def check(images: list[bytes], service: Stack, make_config: MakeConfig, start: StartGateway, pacs: Pacs) -> bytes:
    """Send images through a gateway to the local cloud and search the bytes. Returns the bytes sent to the API."""
    looked_for = set().union(*(needles(dcmread(io.BytesIO(image))) for image in images))
    assert len(looked_for) > 20
    # The gateway also makes reports that hold names. None of their bytes may go to the service.
    with wiretap(urlsplit(service.url).port or 0) as tap, fhir_server() as records, mllp_receiver() as ris:
        config = make_config(
            predict={"by": "service", "url": f"http://127.0.0.1:{tap.port}"},
            fhir={"url": records.url},
            hl7={"host": "127.0.0.1", "port": ris.port},
        )
        with open_answers(config) as answers:
            gateway = start(config, of=answers)
            for image in images:
                assert send(gateway.port, image) == [0x0000]
            until(lambda: len(pacs.of_kind("SR")) == len(images), 120)
            until(lambda: gateway.metric("delivered_total") == len(images))
        sent = tap.everything
        reported = json.dumps([*records.resources.values(), *ris.messages.values()], ensure_ascii=False)
    stored = [service.cloud.s3.get_object(Bucket="pneumonia-uploads", Key=key, VersionId=version)
              for key, version in service.uploads()]  # fmt: skip
    uploaded = [repr(one["Metadata"]).encode() + one["Body"].read() for one in stored]
    keys = repr(service.uploads()).encode()
    everything = b"\n".join([sent, keys, *uploaded])
    assert [needle for needle in looked_for if needle in everything] == []
    told = gateway.log.encode() + generate_latest(gateway.metrics.registry)
    assert [needle for needle in looked_for if needle in told] == []
    assert {str(dataset.PatientID) for dataset in pacs.stored} == {
        str(dcmread(io.BytesIO(image)).get("PatientID", "")) for image in images
    }
    for uid in [str(dcmread(io.BytesIO(image)).SOPInstanceUID) for image in images]:
        # Only predicted images are reported, with the names of their patients.
        assert (uid in reported) is any(
            dataset.Modality == "OT" and dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == uid
            for dataset in pacs.stored
        )
    return everything


@pytest.mark.slow
def test_made_up_patients(
    service: Stack,
    make_config: MakeConfig,
    start_gateway: StartGateway,
    pacs: Pacs,
) -> None:
    large = np.tile(np.linspace(200, 3800, 1600).astype(np.uint16), (1600, 1))
    uids = [f"1.2.826.0.1.3680043.8.498.88.{number}" for number in range(3)]
    images = [
        rich_image(SOPInstanceUID=uids[0]),
        rich_image(SOPInstanceUID=uids[1], Modality="CT"),  # is refused
        dicom_film(SOPInstanceUID=uids[2], pixels=large),
    ]
    assert len(images[2]) > MAX_DIRECT_BYTES  # goes by upload
    everything = check(images, service, make_config, start_gateway, pacs)
    assert len(service.uploads()) == 1
    # Both pseudonyms were sent, which proves that the search covers the sent bytes.
    key = Pseudonyms((make_config().state / KEY_FILE).read_bytes())
    for uid in (HEADER["StudyInstanceUID"], *uids):
        assert key.uid(uid).encode() in everything
    assert {dataset.StudyInstanceUID for dataset in pacs.stored} == {HEADER["StudyInstanceUID"]}


@pytest.mark.slow
@pytest.mark.skipif("CXR_DICOM" not in os.environ, reason="CXR_DICOM is not set")
@pytest.mark.filterwarnings("ignore")
def test_real_files(
    service: Stack,
    make_config: MakeConfig,
    start_gateway: StartGateway,
    pacs: Pacs,
) -> None:
    images = []
    for path in sorted(Path(os.environ["CXR_DICOM"]).glob("*.dcm")):
        image = dcmread(path, force=True)
        if "TransferSyntaxUID" not in image.file_meta:  # a sender would name it
            image.file_meta.TransferSyntaxUID = (
                ImplicitVRLittleEndian if image.is_implicit_VR else ExplicitVRLittleEndian
            )
        stream = io.BytesIO()
        image.save_as(stream, enforce_file_format=True)
        images.append(stream.getvalue())
    check(images, service, make_config, start_gateway, pacs)

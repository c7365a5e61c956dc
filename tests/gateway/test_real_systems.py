"""The gateway between a real PACS, real senders and the real model."""

import io
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydicom import dcmread

from pneumonia.predictor import Predictor
from pneumonia.settings import Settings
from pneumonia_cli.gateway.answers import LocalModel
from pneumonia_cli.gateway.node import open_answers, store_of
from tests.client.conftest import Stack
from tests.dicom_out.films import HEADER, dicom_film
from tests.dicom_out.test_results import errors_of
from tests.gateway.conftest import MakeConfig, StartGateway, until
from tests.gateway.systems import (
    Orthanc,
    dcmqrscp,
    needs_dcmtk,
    needs_orthanc,
    orthanc,
    sample_image,
    storescu,
)
from tests.ports import unused_port

pytestmark = [
    pytest.mark.slow,
    needs_dcmtk,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
STUDY = HEADER["StudyInstanceUID"]


@pytest.fixture
def local_model(real_artifacts: Path) -> LocalModel:
    return LocalModel(Predictor.load(Settings(model_dir=real_artifacts)), force=False)


def modalities(pacs: Orthanc) -> list[str]:
    return sorted(tags["Modality"] for tags in pacs.instances(StudyInstanceUID=STUDY))


def to(pacs: Orthanc) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": pacs.port, "ae_title": "ORTHANC"}


@needs_orthanc
def test_orthanc_forwards_an_image_and_finds_the_results_in_its_study(
    make_config: MakeConfig, start_gateway: StartGateway, local_model: LocalModel, tmp_path: Path
) -> None:
    port = unused_port()
    with orthanc(tmp_path / "orthanc", port, forwards=True) as pacs:
        gateway = start_gateway(
            make_config(listen={"port": port, "calling_ae_titles": ["ORTHANC"]}, deliver=to(pacs)), of=local_model
        )
        image = sample_image("pneumonia-1.png")
        assert storescu(pacs.port, tmp_path / "images", image, called="ORTHANC") == 0
        until(lambda: modalities(pacs) == ["CR", "OT", "SR"])
        found = {tags["Modality"]: tags for tags in pacs.instances(StudyInstanceUID=STUDY)}
        assert {tags["PatientName"] for tags in found.values()} == {HEADER["PatientName"]}
        assert len({tags["SeriesInstanceUID"] for tags in found.values()}) == 3
        report = dcmread(io.BytesIO(pacs.file(found["SR"]["SOPInstanceUID"])))
        assert "T-PNEUMONIA" in str(report)
        assert (report.VerificationFlag, report.StudyInstanceUID) == ("UNVERIFIED", STUDY)
        # Sent again directly to the gateway, the image gives the same two instances, and the PACS keeps one of each.
        until(lambda: gateway.metric("delivered_total") == 1)
        assert storescu(gateway.port, tmp_path / "images", image) == 1  # this sender is not on the list
        pacs.add(sample_image("pneumonia-1.png", SOPInstanceUID="1.2.826.0.1.3680043.8.498.77.30"))
        until(lambda: modalities(pacs) == ["CR", "CR", "OT", "OT", "SR", "SR"])


@needs_orthanc
def test_a_resend_leaves_one_of_each_in_orthanc(
    make_config: MakeConfig, start_gateway: StartGateway, local_model: LocalModel, tmp_path: Path
) -> None:
    with orthanc(tmp_path / "orthanc", 9, forwards=False) as pacs:
        gateway = start_gateway(make_config(deliver=to(pacs)), of=local_model)
        for count in (1, 2, 3):
            assert storescu(gateway.port, tmp_path / "images", sample_image("normal-1.png")) == 0
            until(lambda count=count: gateway.metric("delivered_total") == count)  # type: ignore[misc]
        assert modalities(pacs) == ["OT", "SR"]
        assert gateway.metric("answered_total", triage="likely_normal") == 3


@needs_orthanc
def test_polled_by_dicomweb_and_delivered_by_stow(
    make_config: MakeConfig, start_gateway: StartGateway, local_model: LocalModel, tmp_path: Path
) -> None:
    with orthanc(tmp_path / "orthanc", 9, forwards=False) as pacs:
        pacs.add(sample_image("pneumonia-2.png"))
        config = make_config(
            deliver={"protocol": "stow-rs", "url": pacs.web},
            # The study date is fixed, so more and more days must be searched.
            poll={"url": pacs.web, "seconds": 0.2, "days": 36_500},
        )
        gateway = start_gateway(config, of=local_model)
        until(lambda: modalities(pacs) == ["CR", "OT", "SR"])
        until(lambda: gateway.metric("delivered_total") == 1)
        assert gateway.metric("received_total", by="poll") == 1
        assert not gateway.events("poll_failed")


@needs_orthanc
def test_with_the_local_cloud_behind_it(
    service: Stack,
    make_config: MakeConfig,
    start_gateway: StartGateway,
    tmp_path: Path,
) -> None:
    port = unused_port()
    with orthanc(tmp_path / "orthanc", port, forwards=True) as pacs:
        url = f"http://127.0.0.1:{urlsplit(service.url).port}"
        config = make_config(listen={"port": port}, deliver=to(pacs), predict={"by": "service", "url": url})
        with open_answers(config) as answers:
            gateway = start_gateway(config, of=answers)
            refused = dicom_film(
                SOPInstanceUID="1.2.826.0.1.3680043.8.498.77.31", PresentationIntentType="FOR PROCESSING"
            )
            assert storescu(pacs.port, tmp_path / "images", dicom_film(), refused, called="ORTHANC") == 0
            until(lambda: modalities(pacs) == ["CR", "CR", "OT", "SR", "SR"])
            until(lambda: gateway.metric("delivered_total") == 2)
        assert gateway.metric("answered_total", triage="refused") == 1


def test_dcmtk_on_both_sides(
    make_config: MakeConfig, start_gateway: StartGateway, local_model: LocalModel, tmp_path: Path
) -> None:
    with dcmqrscp(tmp_path / "dcmqrscp") as (port, archive):
        gateway = start_gateway(make_config(deliver={"port": port, "ae_title": "PACS"}), of=local_model)
        assert storescu(gateway.port, tmp_path / "images", sample_image("pneumonia-1.png")) == 0
        until(lambda: gateway.metric("delivered_total") == 1)
        stored = [path for path in archive.iterdir() if path.name != "index.dat"]
        assert sorted(dcmread(path).Modality for path in stored) == ["OT", "SR"]
        for path in stored:  # files that another system wrote
            assert errors_of(path) == []
    until(lambda: not store_of(gateway.config).queued())

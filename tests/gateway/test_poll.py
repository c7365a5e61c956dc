import io
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from pneumonia_cli.gateway.config import Poll
from pneumonia_cli.gateway.log import Log
from pneumonia_cli.gateway.poll import Poller
from pneumonia_cli.gateway.store import Full, Store
from tests.dicom_out.films import HEADER, dicom_film


class FakeServer:
    """Answers a search with its images, and returns each by its UIDs."""

    def __init__(self, *images: bytes) -> None:
        self.images = [dcmread(io.BytesIO(image)) for image in images]
        self.searched: list[dict[str, Any]] = []
        self.retrieved: list[str] = []

    def search_for_instances(self, *, search_filters: dict[str, Any], **_options: Any) -> list[dict[str, Any]]:
        self.searched.append(search_filters)
        return [
            {
                f"{image[name].tag:08X}": {"Value": [image.get(name)]}
                for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
            }
            for image in self.images
            if image.Modality == search_filters["Modality"]
        ]

    def retrieve_instance(self, study: str, series: str, instance: str, **_options: Any) -> Dataset:
        assert (study, series) == (HEADER["StudyInstanceUID"], HEADER["SeriesInstanceUID"])
        self.retrieved.append(instance)
        return next(image for image in self.images if image.SOPInstanceUID == instance)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "state", max_queued=10, min_free_bytes=1)
    store.open()
    store.close()
    return store


def poller(server: Any, store: Store, taken: list[str], **options: Any) -> Poller:
    def take(path: Path, uid: str) -> None:
        assert dcmread(path).SOPInstanceUID == uid
        taken.append(uid)

    settings = {"name_of": lambda uid: f"hash-of-{uid[-1]}", "on_image": take, "max_image_bytes": 10**6, **options}
    return Poller(server, Poll(url="http://pacs"), store, log=Log(io.StringIO()), **settings)


def test_new_images_are_accepted_once(store: Store) -> None:
    server, taken = FakeServer(dicom_film(), dicom_film(Modality="CT")), list[str]()
    for count in (1, 0):
        assert poller(server, store, taken).look() == count  # a new poller each time, since the marks are on disk
    assert taken == server.retrieved == [HEADER["SOPInstanceUID"]]
    assert [search["Modality"] for search in server.searched] == ["CR", "DX", "CR", "DX"]
    assert list(store.receiving.iterdir()) == []


def test_an_image_that_was_not_accepted_is_polled_again(store: Store) -> None:
    def full(_path: Path, _uid: str) -> None:
        raise Full("no room")

    server, taken = FakeServer(dicom_film()), list[str]()
    with pytest.raises(Full):
        poller(server, store, taken, on_image=full).look()
    assert poller(server, store, taken).look() == 1


def test_a_too_large_image_is_not_accepted(store: Store) -> None:
    server, taken = FakeServer(dicom_film()), list[str]()
    assert poller(server, store, taken, max_image_bytes=100).look() == 1
    assert taken == []


def test_images_of_other_classes_are_not_fetched(store: Store) -> None:
    server, taken = FakeServer(dicom_film(SOPClassUID="1.2.840.10008.5.1.4.1.1.2")), list[str]()
    assert poller(server, store, taken).look() == 0
    assert server.retrieved == []

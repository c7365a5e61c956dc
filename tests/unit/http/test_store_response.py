"""The Store Instances Response Module, parsed by pydicom and by dicomweb-client."""

from typing import Any
from xml.etree import ElementTree

import pytest
from dicomweb_client.web import _load_xml_dataset
from pydicom.dataset import Dataset

from pneumonia.http.store_response import DAMAGED, NOT_DICOM, Outcome, as_json, as_xml, status_of

CR = "1.2.840.10008.5.1.4.1.1.1"
STORED = Outcome(CR, "1.2.3", "https://images.example.org/results/x?a=1&b=2")
WARNED = Outcome(CR, "1.2.4", "https://images.example.org/results/y", 0xB007)
FAILED = Outcome(CR, "1.2.5", reason=DAMAGED)
UNKNOWN = Outcome(reason=NOT_DICOM)


def root_of(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.encode())  # noqa: S314 - the test has just written the text


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([STORED], 200),
        ([STORED, STORED], 200),
        ([STORED, WARNED], 202),
        ([WARNED], 202),
        ([STORED, FAILED], 202),
        ([FAILED], 409),
        ([FAILED, UNKNOWN], 409),
    ],
)
def test_status(outcomes: list[Outcome], status: int) -> None:
    assert status_of(outcomes) == status


@pytest.mark.parametrize(
    "read", [lambda all_: Dataset.from_json(as_json(all_)), lambda all_: _load_xml_dataset(root_of(as_xml(all_)))]
)
def test_all_kinds_at_once(read: Any) -> None:
    found = read([UNKNOWN, STORED, FAILED, WARNED])
    assert found["RetrieveURL"].VR == "UR"
    assert not found.RetrieveURL
    stored, warned = found.ReferencedSOPSequence
    assert (stored.ReferencedSOPClassUID, stored.ReferencedSOPInstanceUID) == (CR, "1.2.3")
    assert stored.RetrieveURL == STORED.url
    assert "WarningReason" not in stored
    assert (warned.ReferencedSOPInstanceUID, warned.WarningReason) == ("1.2.4", 0xB007)
    (failed,) = found.FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == ("1.2.5", 0xC001)
    assert "RetrieveURL" not in failed
    (other,) = found.OtherFailuresSequence
    assert [element.keyword for element in other] == ["FailureReason"]
    assert other.FailureReason == 0xC000


def test_empty_sequences_are_omitted() -> None:
    assert set(as_json([STORED])) == {"00081190", "00081199"}
    assert set(as_json([FAILED])) == {"00081190", "00081198"}
    assert set(as_json([UNKNOWN])) == {"00081190", "0008119A"}


def test_attributes_are_in_the_order_of_their_tags() -> None:
    tags = list(as_json([STORED, FAILED, UNKNOWN]))
    assert tags == sorted(tags)


def test_xml_uses_the_native_model() -> None:
    assert root_of(as_xml([STORED])).tag == "{http://dicom.nema.org/PS3.19/models/NativeDICOM}NativeDicomModel"

from typing import get_args

from pydicom.sr.coding import Code

from pneumonia.errors import PneumoniaError
from pneumonia.model.card import LABELS
from pneumonia.model.triage import Triage
from pneumonia_cli.dicom_out import codes


def private() -> list[Code]:
    named = [value for value in vars(codes).values() if isinstance(value, Code)]
    found = [*named, *codes.LABELS.values(), *codes.REFUSALS.values()]
    return [code for code in found if code.scheme_designator == codes.SCHEME]


def test_private_codes_fit_into_their_attributes_and_are_unique() -> None:
    values = [code.value for code in private()] + list(codes.TRIAGES.values())
    assert len(values) == len(set(values))
    assert all(0 < len(value) <= 16 for value in values)
    assert all(0 < len(code.meaning) <= 64 for code in private())
    assert len(codes.SCHEME) <= 16


def test_every_triage_and_label_has_a_code() -> None:
    assert set(codes.TRIAGES) == set(get_args(Triage))
    assert set(codes.LABELS) == set(LABELS)


def test_every_refusal_of_an_image_has_a_code() -> None:
    not_of_an_image = {
        "malformed_request", "method_not_allowed", "not_acceptable", "not_found", "object_archived", "unauthorized",
        "unreadable_file", "upload_missing", "url_not_allowed",
    }  # fmt: skip
    refusals = {kind.code for kind in PneumoniaError.__subclasses__() if kind.status < 500}
    assert refusals - not_of_an_image == set(codes.REFUSALS) - {codes.NOT_SENT}

"""UIDs of results: derived from the source and the model, so that the same result is always the same instance."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.source import Source

_NAMESPACE = uuid.UUID("5f7a2b36-2d0b-5f0e-9a37-0d2f3c1f9b61")
"""Of this project; chosen once, never changed."""


def of_report(kind: str, source: Source, answer: Answer) -> str:
    """A UID below 2.25 for a report about a patient. With another patient id in the header it is another report: a
    receiver that has the first one must not take the second one for it.
    """
    patient = [str(source.header.get(name) or "") for name in ("PatientID", "IssuerOfPatientID")]
    choices = {**answer.choices, "patient": patient}
    return derived(kind, source.sop_instance_uid, answer.model["sha256"], choices)


def derived(kind: str, source_uid: str, model_sha256: str, choices: Mapping[str, Any]) -> str:
    """A UID below 2.25 (PS3.5, B.2) for one `kind` of thing that a model made of one source.

    `choices` are those of the caller that change the result, such as `force`: a forced prediction must not hide behind
    an earlier refusal that a PACS already has.
    """
    name = json.dumps([kind, source_uid, model_sha256, dict(choices)], sort_keys=True)
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"

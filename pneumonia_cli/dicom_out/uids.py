"""Derive UIDs of results from the source and the model, so that the same result always has the same UID."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.source import Source

_NAMESPACE = uuid.UUID("5f7a2b36-2d0b-5f0e-9a37-0d2f3c1f9b61")
"""Namespace of this project. It must never change."""


def of_report(kind: str, source: Source, answer: Answer) -> str:
    """Return a UID below 2.25 for a report about a patient.

    Another patient id in the header gives another UID, so that a receiver does not mistake one report for the other.
    """
    patient = [str(source.header.get(name) or "") for name in ("PatientID", "IssuerOfPatientID")]
    choices = {**answer.choices, "patient": patient}
    return derived(kind, source.sop_instance_uid, answer.model["sha256"], choices)


def derived(kind: str, source_uid: str, model_sha256: str, choices: Mapping[str, Any]) -> str:
    """Return a UID below 2.25 (PS3.5, B.2) for one `kind` of object that a model made from one source.

    `choices`: the caller's choices that change the result, such as `force`. They also change the UID. Otherwise a PACS
    that holds an earlier refusal would drop a forced prediction.
    """
    name = json.dumps([kind, source_uid, model_sha256, dict(choices)], sort_keys=True)
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"

"""A reader's feedback on a result, stored as JSON under `feedback/` in the results bucket, once for each upload.

Feedback is a verdict and a reason, both from lists. There is no free text, so nobody can enter patient data.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pneumonia.errors import MalformedRequest
from pneumonia.uploads.names import FEEDBACK, JSON_SUFFIX, upload_stem

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pneumonia.uploads.document import ResultDocument

VERDICTS: Final = ("agree", "disagree", "cannot_tell")

REASONS: Final = {
    "pneumonia_missed": "there is pneumonia that the model did not find",
    "no_pneumonia": "there is no pneumonia",
    "other_disease": "there is another disease",
    "wrong_place": "the heat is not where the finding is",
    "image_quality": "the image quality is too poor to decide",
    "not_such_a_film": "it is not a frontal chest X-ray of a child",
    "more_needed": "this X-ray alone is not enough to decide",
}
"""Codes of reasons with their meanings. Agreement has no reason."""


@dataclass(frozen=True)
class Feedback:
    """A verdict on a result. `verdict`: one of VERDICTS. `reason`: one of REASONS, or None."""

    verdict: str
    reason: str | None

    @classmethod
    def read(cls, body: dict[str, Any]) -> "Feedback":
        """Read feedback from the JSON body of a request.

        Raises MalformedRequest. The message names the allowed values and never quotes the request.
        """
        unknown = set(body) - {"id", "verdict", "reason"}
        if unknown:
            raise MalformedRequest("The JSON may have only id, verdict and reason. No other text is stored.")
        verdict, reason = body.get("verdict"), body.get("reason")
        if verdict not in VERDICTS:
            raise MalformedRequest(f"verdict must be one of {', '.join(VERDICTS)}.")
        if reason is not None and not (isinstance(reason, str) and reason in REASONS):
            raise MalformedRequest(f"reason must be null or one of {', '.join(REASONS)}.")
        return cls(verdict, reason)


def feedback_key(upload_key: str) -> str:
    """Return the key of the feedback on an upload."""
    return FEEDBACK + upload_stem(upload_key) + JSON_SUFFIX


def store_feedback(
    client: "S3Client", bucket: str, source: dict[str, str], feedback: Feedback, document: "ResultDocument"
) -> None:
    """Write the feedback on a result. It replaces earlier feedback on the same upload. Raises ClientError if S3 fails.

    `source`: bucket and key of the upload. The values that the reader judged are stored too, because the
    result may be replaced.
    """
    content = document.content
    judged = {name: content.get(name) for name in ("triage", "pneumonia", "code", "model", "request_id")}
    stored = {
        "verdict": feedback.verdict,
        "reason": feedback.reason,
        "given_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "judged": {"status": document.status, **judged},
        "source": source,
    }
    client.put_object(
        Bucket=bucket,
        Key=feedback_key(source["key"]),
        Body=json.dumps(stored, indent=2).encode(),
        ContentType="application/json",
    )

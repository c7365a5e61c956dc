"""What a reader says of a result: stored as JSON under `feedback/` in the results bucket, one for each upload.

A verdict and a reason, both out of lists: there is no free text, so nothing of a patient can get in.
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
    "image_quality": "the film is too poor to tell",
    "not_such_a_film": "it is no frontal chest X-ray of a child",
    "more_needed": "it takes more than this film to tell",
}
"""Codes, and what they mean. Whoever agrees gives none."""


@dataclass(frozen=True)
class Feedback:
    """`verdict`: one of VERDICTS. `reason`: one of REASONS, or None."""

    verdict: str
    reason: str | None

    @classmethod
    def read(cls, body: dict[str, Any]) -> "Feedback":
        """From the members of a request. Raises MalformedRequest, which names what is allowed and never what came."""
        unknown = set(body) - {"id", "verdict", "reason"}
        if unknown:
            raise MalformedRequest("The JSON takes id, verdict and reason, and nothing else: no text is stored.")
        verdict, reason = body.get("verdict"), body.get("reason")
        if verdict not in VERDICTS:
            raise MalformedRequest(f"verdict must be one of {', '.join(VERDICTS)}.")
        if reason is not None and not (isinstance(reason, str) and reason in REASONS):
            raise MalformedRequest(f"reason must be null or one of {', '.join(REASONS)}.")
        return cls(verdict, reason)


def feedback_key(upload_key: str) -> str:
    """Where the feedback on an upload is stored."""
    return FEEDBACK + upload_stem(upload_key) + JSON_SUFFIX


def store_feedback(
    client: "S3Client", bucket: str, source: dict[str, str], feedback: Feedback, document: "ResultDocument"
) -> None:
    """Write the feedback on a result; an earlier one on the same upload is replaced. Raises ClientError if S3 fails.

    `source`: bucket and key of the upload. What was judged is kept with it: the result may be replaced.
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

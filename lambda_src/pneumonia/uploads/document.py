"""The result document of an upload: `<key>.json` in the results bucket."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from pneumonia.errors import PneumoniaError, help_path, problem
from pneumonia.model.card import Card
from pneumonia.uploads.events import Upload

SCHEMA_VERSION: Final = 1
"""Version of the result's format. Within one version, members are added but never removed or changed."""

_OF_A_PROBLEM = ("code", "title", "detail", "request_id")


@dataclass(frozen=True)
class ResultDocument:
    """The result of an upload.

    Attributes:
        status: whether the upload was predicted or rejected.
        content: for a prediction, the fields that every caller gets; for a rejection, the problem's code and text, the
            model and the notice.
        correlation_id: None in results of older versions, which did not write it.
        source: the object that was read.
        heatmap: `bucket` and `key` of the PNG; None without one.
        schema_version: None in results of older versions, which did not write it.
    """

    status: Literal["predicted", "rejected"]
    content: Mapping[str, Any]
    correlation_id: str | None
    source: Mapping[str, str | None]
    heatmap: Mapping[str, str] | None = None
    schema_version: int | None = SCHEMA_VERSION

    @classmethod
    def predicted(cls, upload: Upload, correlation_id: str, body: Mapping[str, Any]) -> "ResultDocument":
        """Return the result of a prediction. `body`: the body of `predictor.Prediction`."""
        return cls("predicted", body, correlation_id, upload.source)

    @classmethod
    def rejected(
        cls, upload: Upload, correlation_id: str, error: PneumoniaError, request_id: str, card: Card
    ) -> "ResultDocument":
        details = problem(error, request_id)
        content = {name: details[name] for name in _OF_A_PROBLEM} | {"model": card.identity(), "notice": card.notice}
        return cls("rejected", content, correlation_id, upload.source)

    @classmethod
    def parse(cls, stored: bytes) -> "ResultDocument":
        """Return the document from the bytes of `to_bytes`."""
        fields = json.loads(stored)
        status, correlation_id, source, heatmap, schema_version = (
            fields.pop(name, None) for name in ("status", "correlation_id", "source", "heatmap", "schema_version")
        )
        return cls(status, fields, correlation_id, source or {}, heatmap, schema_version)

    def with_heatmap(self, bucket: str, key: str) -> "ResultDocument":
        return replace(self, heatmap={"bucket": bucket, "key": key})

    def to_bytes(self) -> bytes:
        """Return the stored form: JSON in UTF-8."""
        fields = {**self._begin(), "source": self.source, "heatmap": self.heatmap}
        return json.dumps(fields, ensure_ascii=False, indent=2).encode()

    def for_caller(self, upload_id: str) -> dict[str, Any]:
        """Return the result in the form of GET /results/{upload_id}.

        This form has paths of the API instead of buckets and keys. A rejected upload also has `help`.
        """
        address = f"/results/{upload_id}/heatmap.png" if self.heatmap else None
        linked = {"help": help_path(str(self.content["code"]))} if self.status == "rejected" else {}
        return {"id": upload_id, **self._begin(), **linked, "heatmap": address}

    def _begin(self) -> dict[str, Any]:
        schema = {} if self.schema_version is None else {"schema_version": self.schema_version}
        known = {} if self.correlation_id is None else {"correlation_id": self.correlation_id}
        return {"status": self.status, **schema, **self.content, **known}

"""Helpers for the unit tests of the handlers and their routes."""

import base64
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """A parsed response of a Function URL. `headers` are keyed by lower-case names."""

    status: int
    headers: dict[str, str]
    data: bytes

    @classmethod
    def of(cls, raw: dict[str, Any]) -> "Reply":
        json.dumps(raw)  # Lambda encodes every response as JSON, so this must not fail
        data = base64.b64decode(raw["body"]) if raw["isBase64Encoded"] else raw["body"].encode()
        return cls(raw["statusCode"], {name.lower(): value for name, value in raw["headers"].items()}, data)

    @property
    def body(self) -> Any:
        """Return the parsed JSON body."""
        return json.loads(self.data)

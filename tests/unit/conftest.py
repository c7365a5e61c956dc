"""What unit tests of the handlers and of their routes share."""

import base64
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """The answer of a Function URL, taken apart. `headers` by lower-case names."""

    status: int
    headers: dict[str, str]
    data: bytes

    @classmethod
    def of(cls, raw: dict[str, Any]) -> "Reply":
        json.dumps(raw)  # as Lambda does with it
        data = base64.b64decode(raw["body"]) if raw["isBase64Encoded"] else raw["body"].encode()
        return cls(raw["statusCode"], {name.lower(): value for name, value in raw["headers"].items()}, data)

    @property
    def body(self) -> Any:
        """What the JSON says."""
        return json.loads(self.data)

"""The CORS rules of the Function URL, for the stack and the local cloud."""

from dataclasses import dataclass
from typing import Final

from pneumonia_cli.stack.settings import StackSettings

METHODS: Final = ("GET", "HEAD", "POST")
# In addition to the CORS-safelisted headers: the bearer token, gzip, the media type, and the SigV4 signature.
HEADERS: Final = (
    "authorization",
    "content-encoding",
    "content-type",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
)
EXPOSED: Final = (
    "location",
    "retry-after",
    "www-authenticate",
    "x-amzn-remapped-www-authenticate",
    "x-image-size",
    "x-image-reduced",
    "x-image-bits",
    "x-image-window",
)
MAX_AGE_SECONDS: Final = 3600


@dataclass(frozen=True)
class Cors:
    """Which `origins` may call, with which `methods` and `headers`, and which headers their pages may read."""

    origins: tuple[str, ...]
    methods: tuple[str, ...] = METHODS
    headers: tuple[str, ...] = HEADERS
    exposed: tuple[str, ...] = EXPOSED
    max_age_seconds: int = MAX_AGE_SECONDS


def cors_of(settings: StackSettings) -> Cors | None:
    """Return the rules for the settings, or None if no other origin may call and the Function URL has no rules."""
    return Cors(settings.cors_origins) if settings.cors_origins else None

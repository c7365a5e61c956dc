"""What a Function URL tells the pages of other origins: the stack sets it up so, and the local cloud answers so."""

from dataclasses import dataclass
from typing import Final

from pneumonia_cli.stack.settings import StackSettings

METHODS: Final = ("GET", "HEAD", "POST")
# Beside what browsers send to anyone: the bearer token, gzip, and what a signed request (SigV4) carries.
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
    """Who may call (`origins`, exact ones), how (`methods`, `headers`), and which headers their pages may read."""

    origins: tuple[str, ...]
    methods: tuple[str, ...] = METHODS
    headers: tuple[str, ...] = HEADERS
    exposed: tuple[str, ...] = EXPOSED
    max_age_seconds: int = MAX_AGE_SECONDS


def cors_of(settings: StackSettings) -> Cors | None:
    """What the settings ask for; None where no other origin may call: then a Function URL has no rules of its own."""
    return Cors(settings.cors_origins) if settings.cors_origins else None

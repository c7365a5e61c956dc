"""Names, ports and keys of the local cloud, for it and for those who call it.

Nothing is imported here: a client of the local cloud must not wait for moto, which plays it.
"""

from typing import Final

REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
CREDENTIAL: Final = "testing"
"""Key and secret: moto takes any, and these cannot be of a real account."""

HOST: Final = "127.0.0.1"
"""Never reachable from another machine."""
PORT: Final = 8000
"""Of the Function URL."""
S3_PORT: Final = 8001
"""Of S3, SQS and Secrets Manager."""

UPLOAD_BUCKET: Final = "pneumonia-uploads"
RESULT_BUCKET: Final = "pneumonia-results"
QUEUE: Final = "pneumonia-uploads"
DEAD_LETTER_QUEUE: Final = "pneumonia-uploads-dead-letter"
TOKEN_SECRET: Final = "pneumonia-token"  # noqa: S105 - the name of the secret, not the secret


def endpoint_url(port: int) -> str:
    """Of S3, SQS and Secrets Manager. By name: the routing of moto knows "localhost", not an address."""
    return f"http://localhost:{port}"

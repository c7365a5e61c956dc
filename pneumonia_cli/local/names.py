"""Names, ports and keys of the local cloud, for the local cloud and its clients.

This module imports nothing heavy, so that a client does not wait for the import of moto.
"""

from typing import Final

REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
CREDENTIAL: Final = "testing"
"""Access key id and secret access key. moto accepts any value, and this one cannot belong to a real account."""

HOST: Final = "127.0.0.1"
"""Other machines cannot reach this address."""
PORT: Final = 8000
"""Default port of the Function URL."""
S3_PORT: Final = 8001
"""Default port of S3, SQS and Secrets Manager."""

UPLOAD_BUCKET: Final = "pneumonia-uploads"
RESULT_BUCKET: Final = "pneumonia-results"
QUEUE: Final = "pneumonia-uploads"
DEAD_LETTER_QUEUE: Final = "pneumonia-uploads-dead-letter"
TOKEN_SECRET: Final = "pneumonia-token"  # noqa: S105 - the name of the secret, not the secret


def endpoint_url(port: int) -> str:
    """Return the URL of S3, SQS and Secrets Manager. The routing of moto needs the name localhost, not an address."""
    return f"http://localhost:{port}"

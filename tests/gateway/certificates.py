"""Make certificates for tests of TLS with openssl."""

import subprocess
from pathlib import Path


def make_certificates(folder: Path, *names: str) -> None:
    """Write a self-signed NAME.crt with its NAME.key for 127.0.0.1."""
    for name in names:
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / f"{name}.key",
                "-out", folder / f"{name}.crt",
            ],
            check=True,
            capture_output=True,
        )  # fmt: skip

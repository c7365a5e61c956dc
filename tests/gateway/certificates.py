"""Certificates for tests of TLS, made by openssl."""

import subprocess
from pathlib import Path


def make_certificates(folder: Path, *names: str) -> None:
    """NAME.crt and NAME.key of 127.0.0.1, each signed by itself."""
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

"""Pseudonyms for UIDs that leave the building, and names of jobs: hashes that reveal nothing without the key."""

import hashlib
import hmac
import os
import secrets
import uuid
from pathlib import Path
from typing import Final

KEY_FILE: Final = "pseudonyms.key"
_KEY_BYTES: Final = 32


class Pseudonyms:
    """Hashes under one key. The same UID gives the same pseudonym as long as the key is kept."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of_folder(cls, folder: Path) -> "Pseudonyms":
        """Use the key in a folder, and create the key at first use. Only the owner of the file can read the key."""
        path = folder / KEY_FILE
        if not path.exists():
            unfinished = folder / f".{KEY_FILE}.{os.getpid()}"
            with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                stream.write(secrets.token_bytes(_KEY_BYTES))
                stream.flush()
                os.fsync(stream.fileno())
            try:
                os.link(unfinished, path)  # fails if another process was first
            except FileExistsError:
                pass
            finally:
                unfinished.unlink()
        key = path.read_bytes()
        if len(key) != _KEY_BYTES:
            raise ValueError(f"{path} is damaged: it must hold {_KEY_BYTES} bytes.")
        return cls(key)

    def uid(self, original: str) -> str:
        """Return the UID below 2.25 (PS3.5, B.2) that leaves the building instead of `original`."""
        return f"2.25.{uuid.UUID(bytes=self._digest(b'uid', original)[:16], version=4).int}"

    def job(self, sop_instance_uid: str) -> str:
        """Return the name of an image in the queue, in logs and in metrics: 32 hexadecimal digits."""
        return self._digest(b"job", sop_instance_uid).hex()[:32]

    def _digest(self, purpose: bytes, original: str) -> bytes:
        return hmac.digest(self._key, purpose + b"\0" + original.encode(), hashlib.sha256)

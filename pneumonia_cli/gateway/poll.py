"""Poll a DICOMweb server for new images (QIDO-RS and WADO-RS), if no PACS sends them."""

import os
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from dicomweb_client.api import DICOMwebClient
from requests import RequestException

from pneumonia_cli.gateway.config import Poll
from pneumonia_cli.gateway.log import Log
from pneumonia_cli.gateway.receive import SOP_CLASSES
from pneumonia_cli.gateway.store import Full, Store

_FOLDER: Final = "polled"
_UIDS: Final = ("0020000D", "0020000E", "00080018")  # study, series, instance
_SOP_CLASS: Final = "00080016"
_KEEP_DAYS: Final = 30


class Poller:
    """Find instances of the last days, and accept the new ones."""

    def __init__(
        self,
        client: DICOMwebClient,
        poll: Poll,
        store: Store,
        name_of: Callable[[str], str],
        on_image: Callable[[Path, str], None],
        log: Log,
        *,
        max_image_bytes: int,
    ) -> None:
        """`name_of` maps a UID to the name of its job. `on_image` takes a file and its UID, and raises Full."""
        self._client = client
        self._poll = poll
        self._store = store
        self._name_of = name_of
        self._on_image = on_image
        self._log = log
        self._max_image_bytes = max_image_bytes
        self._seen = store.root / _FOLDER
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poller", daemon=True)

    def start(self) -> None:
        """Start polling."""
        self._thread.start()

    def stop(self) -> None:
        """Stop polling."""
        self._stop.set()
        self._thread.join()

    def look(self) -> int:
        """Poll once. Returns the number of accepted images. Raises RequestException, Full."""
        self._seen.mkdir(mode=0o700, exist_ok=True)
        self._forget()
        first = date.today() - timedelta(days=self._poll.days)
        taken = 0
        for modality in self._poll.modalities:
            filters = {"Modality": modality, "StudyDate": f"{first:%Y%m%d}-"}
            found = self._client.search_for_instances(
                search_filters=filters, fields=["SOPClassUID"], get_remaining=True
            )
            for entry in found:
                taken += self._take(entry)
        return taken

    def _take(self, entry: dict[str, Any]) -> bool:
        study, series, instance = (_value(entry, tag) for tag in _UIDS)
        mark = self._seen / self._name_of(instance)
        if mark.exists() or _value(entry, _SOP_CLASS) not in ("", *SOP_CLASSES):
            return False
        self._store.check_room()
        path = self._store.receiving / f"polled-{mark.name}.dcm"
        # Request the stored encoding, since decompressing would only cost time.
        dataset = self._client.retrieve_instance(study, series, instance, media_types=(("application/dicom", "*"),))
        dataset.save_as(path, enforce_file_format=True)
        try:
            if path.stat().st_size <= self._max_image_bytes:
                self._on_image(path, instance)
            else:
                self._log("image_not_taken", why="size")
        finally:
            path.unlink(missing_ok=True)
        mark.touch()
        return True

    def _run(self) -> None:
        while not self._stop.wait(self._poll.seconds):
            try:
                taken = self.look()
            except Exception as error:  # the next poll tries again; the text may quote UIDs
                why = "unreachable" if isinstance(error, RequestException) else type(error).__name__
                self._log("poll_failed", why="full" if isinstance(error, Full) else why)
            else:
                if taken:
                    self._log("polled", taken=taken)

    def _forget(self) -> None:
        """Remove the marks of instances that are no longer polled."""
        limit = time.time() - 86_400 * (self._poll.days + _KEEP_DAYS)
        with os.scandir(self._seen) as marks:
            for mark in marks:
                if mark.stat().st_mtime < limit:
                    os.unlink(mark.path)


def _value(entry: dict[str, Any], tag: str) -> str:
    values = (entry.get(tag) or {}).get("Value") or [""]
    return str(values[0])

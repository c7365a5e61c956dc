"""The record of each upload, and the check of its results."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pneumonia.uploads.names import HEATMAP_SUFFIX, JSON_SUFFIX, result_key
from pneumonia.uploads.results import Order
from tests.faults.plan import Version


@dataclass(frozen=True)
class Sent:
    """An upload. `sequencer` is None if its event has no sequencer."""

    version: Version
    version_id: str
    etag: str
    sequencer: str | None

    @property
    def name(self) -> str:
        """Identifies the upload in results: its version, or its ETag if the event has no version (plain keys)."""
        return self.etag if self.version.plain else self.version_id


@dataclass(frozen=True)
class Stored:
    """One object that was written under the key of a result. `order`: the upload that it belongs to."""

    order: Order
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def name(self) -> str:
        source = self.document["source"]
        return str(source["version_id"] or source["etag"])


@dataclass
class Ledger:
    """All uploads by key, in the order of uploading. `right`: the expected probability of an image, by its bytes."""

    right: Mapping[bytes, float]
    by_key: dict[str, list[Sent]] = field(default_factory=dict)

    def add(self, sent: Sent) -> None:
        self.by_key.setdefault(sent.version.key, []).append(sent)

    def wrongs(self, history: Mapping[str, list[Stored]], dead: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Yield a text for each wrong, lost or mixed-up result.

        `history`: all objects that were ever written, by key. `dead`: (key, name) of uploads whose event is in the
        dead-letter queue.
        """
        in_dead_letters = set(dead)
        for key, uploads in self.by_key.items():
            written = history.get(result_key(key, JSON_SUFFIX), [])
            yield from self._wrongs_of_key(key, uploads, written, in_dead_letters)
            if written and written[-1].document["heatmap"]:
                heatmaps = history.get(result_key(key, HEATMAP_SUFFIX), [])
                newer_is_dead = any((key, sent.name) in in_dead_letters for sent in uploads)
                if not heatmaps:
                    yield f"{key}: the result names a heatmap that does not exist"
                elif heatmaps[-1].order.compare(written[-1].order) != 0 and not newer_is_dead:
                    yield f"{key}: the heatmap is of another upload than the result"
        expected = {result_key(key, suffix) for key in self.by_key for suffix in (JSON_SUFFIX, HEATMAP_SUFFIX)}
        for key in set(history) - expected:
            yield f"{key}: a result of no upload"

    def _wrongs_of_key(
        self, key: str, uploads: list[Sent], written: list[Stored], in_dead_letters: set[tuple[str, str]]
    ) -> Iterator[str]:
        place = {sent.name: number for number, sent in enumerate(uploads)}
        names = [stored.name for stored in written]
        if len(set(names)) < len(names):
            yield f"{key}: a result was written twice"
        if sorted(names, key=lambda name: place.get(name, -1)) != names:
            yield f"{key}: an older result replaced a newer one"
        newest = max((place.get(name, -1) for name in names), default=-1)
        for sent in uploads:
            # A result may be missing if a newer one superseded it, or if its message failed and is kept for a redrive.
            if sent.name not in names and place[sent.name] > newest and (key, sent.name) not in in_dead_letters:
                yield f"{key}: upload {sent.version.number} is lost"
        for stored in written:
            if stored.name not in place:
                yield f"{key}: a result of no upload"
            elif why := self._why_wrong(uploads[place[stored.name]], stored.document):
                yield f"{key}: upload {place[stored.name]}: {why}"

    def _why_wrong(self, sent: Sent, document: Mapping[str, Any]) -> str | None:
        code = document.get("code")
        last = sent is self.by_key[sent.version.key][-1]
        # The event of a plain key has no version, so an object that was replaced before it was read counts as missing.
        may_be_gone = sent.version.removal != "never" or (sent.version.plain and not last)
        if code == "upload_missing":
            return None if may_be_gone else "reported as missing"
        if sent.version.removal == "before its event":
            return "predicted from an object that did not exist"
        if code != sent.version.code:
            return f"the code is {code}, not {sent.version.code}"
        if code is None and document["pneumonia"] != self.right[sent.version.data]:
            return f"the probability is {document['pneumonia']}, not {self.right[sent.version.data]}"
        return None

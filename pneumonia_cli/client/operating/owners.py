"""Find the upload that a result belongs to, if the results of two images may have the same key.

Versions without reserved prefixes (pneumonia/uploads/names.py) wrote the result of an upload `archive/hospital/a.png`
to the key that now belongs to an image of an archive. Only the result document names its source image.
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pneumonia.uploads.names import HEATMAP_SUFFIX, JSON_SUFFIX, is_contested
from pneumonia.uploads.results import Order
from pneumonia_cli.client.aws import status_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# 404: removed in the meantime. 405: a delete marker. Neither has content, and therefore neither has an owner.
_NO_CONTENT = (404, 405)


@dataclass(frozen=True)
class Owners:
    """Selects the objects of the results bucket that belong to certain uploads.

    Only objects that may belong to another image are read. `covers`: returns whether an upload key is selected.
    """

    s3: "S3Client"
    result_bucket: str
    upload_bucket: str
    covers: Callable[[str], bool]

    def theirs(self, found: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """Yield the pairs (key, version) of `found` that belong to these uploads. Raises botocore's errors."""
        contested: dict[str, list[tuple[str, str]]] = {}
        for key, version in found:
            stem = _stem(key)
            if is_contested(stem):
                contested.setdefault(stem, []).append((key, version))
            elif self.covers(stem):  # the stem can belong to one upload only, and is its key
                yield key, version
        for objects in contested.values():
            yield from self._of_stem(objects)

    def _of_stem(self, objects: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        orders: set[Order | None] = set()
        for key, version in objects:
            if key.endswith(JSON_SUFFIX) and (found := self._get(key, version)) is not None:
                order, body = found
                source = _source(body)
                if source.get("bucket") == self.upload_bucket and self.covers(str(source.get("key"))):
                    orders.add(order)
                    yield key, version
        orders.discard(None)
        for key, version in objects:
            # A heatmap does not name its source. It belongs to the upload whose result has the same order.
            if key.endswith(HEATMAP_SUFFIX) and orders and (found := self._get(key, version)) and found[0] in orders:
                yield key, version

    def _get(self, key: str, version: str) -> tuple[Order | None, bytes] | None:
        """Return the order and the content of one version, or None if it has no content."""
        try:
            found = self.s3.get_object(Bucket=self.result_bucket, Key=key, VersionId=version)
        except ClientError as error:
            if status_code(error) in _NO_CONTENT:
                return None
            raise
        with contextlib.closing(found["Body"]) as body:
            return Order.from_metadata(found["Metadata"]), body.read()


def _stem(key: str) -> str:
    return key.removesuffix(HEATMAP_SUFFIX) if key.endswith(HEATMAP_SUFFIX) else key.removesuffix(JSON_SUFFIX)


def _source(document: bytes) -> Mapping[str, Any]:
    try:
        source = json.loads(document)["source"]
    except (ValueError, KeyError, TypeError):
        return {}
    return source if isinstance(source, dict) else {}

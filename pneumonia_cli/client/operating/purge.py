"""`pneumonia purge`: delete everything about selected uploads from the buckets and the dead-letter queue.

This covers every version of an image, every delete marker, unfinished multipart uploads, every version of the result,
of its heatmap and of the readers' feedback, and the failed messages. Images are deleted before results. A worker that
starts later finds no image, and results that were written in between are deleted with the others.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pneumonia.uploads.feedback import feedback_key
from pneumonia.uploads.ids import KEY_PREFIX, id_of_key
from pneumonia.uploads.names import FEEDBACK, HEATMAP_SUFFIX, JSON_SUFFIX, former_stem, stem_prefixes, upload_stem
from pneumonia_cli.client import output
from pneumonia_cli.client.aws import errors_in_words
from pneumonia_cli.client.errors import EXIT_OK, EXIT_SERVICE
from pneumonia_cli.client.operating.dead_letters import forget
from pneumonia_cli.client.operating.owners import Owners
from pneumonia_cli.client.queues import count
from pneumonia_cli.client.records import print_record
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.client.target import Target

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import DeleteObjectsRequestTypeDef, ObjectIdentifierTypeDef
    from mypy_boto3_sqs import SQSClient

_BATCH = 1000  # the most that DeleteObjects takes
_SHOWN = 20

_ELSEWHERE = (
    "This command does not delete replicas or backups of the buckets, or result folders and journals on other "
    "machines. If the account records CloudTrail data events, they still contain the keys. The logs and metrics of "
    "this stack contain nothing from an image."
)


@dataclass(frozen=True)
class Selection:
    """Objects, selected by full key or by prefix."""

    keys: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    def covers(self, key: str) -> bool:
        """Return whether a key is selected."""
        return key in self.keys or key.startswith(self.prefixes)

    def of_results(self, uploads: Iterable[str]) -> "Selection":
        """Return the possible keys of these uploads' results. Some may belong to other images.

        `uploads`: keys of selected uploads. They are needed because the keys of some results were shortened and no
        longer contain the prefix.
        """
        stems = {stem(key) for key in {*self.keys, *uploads} for stem in (upload_stem, former_stem)}
        names = {stem + suffix for stem in stems for suffix in (JSON_SUFFIX, HEATMAP_SUFFIX)}
        # Only uploads that were requested over HTTP have feedback.
        names |= {feedback_key(key) for key in {*self.keys, *uploads} if id_of_key(key, arrived=0)}
        prefixes = tuple(
            beginning
            for prefix in self.prefixes
            for beginning in (*stem_prefixes(prefix), *([FEEDBACK + prefix] if _meets(prefix, KEY_PREFIX) else []))
        )
        return Selection(frozenset(name for name in names if not name.startswith(prefixes)), prefixes)

    @property
    def listings(self) -> list[str]:
        """Prefixes whose listings together contain the whole selection."""
        return [*sorted(self.keys), *self.prefixes]


@dataclass
class Purged:
    """The objects that were found, and those that could not be deleted.

    Attributes:
        uploads, results: versions and delete markers in the two buckets.
        parts: unfinished multipart uploads.
        dead_letters: messages in the dead-letter queue.
        keys: upload keys and result keys that were found.
        remaining: key, version and S3's error code of each object that could not be deleted.
        under_way: messages in the upload queue, for any image; None if the queue was not read.
    """

    uploads: int = 0
    results: int = 0
    parts: int = 0
    dead_letters: int = 0
    keys: set[str] = field(default_factory=set)
    remaining: list[dict[str, str]] = field(default_factory=list)
    under_way: int | None = None

    @property
    def found(self) -> int:
        return self.uploads + self.results + self.parts + self.dead_letters


def run(
    s3: "S3Client",
    sqs: "SQSClient",
    target: Target,
    selection: Selection,
    *,
    really: bool,
    bypass_lock: bool = False,
    shape: Shape = Shape.TABLE,
) -> int:
    """Purge, or show what would be purged, and return the exit code. Raises ServiceError."""
    with errors_in_words("Purging"):
        purged = purge(s3, sqs, target, selection, really=really, bypass_lock=bypass_lock)
    if shape.for_programs:
        print_record(_as_json(purged, really), shape)
    else:
        _tell(purged, really)
    return EXIT_SERVICE if purged.remaining else EXIT_OK


def purge(
    s3: "S3Client",
    sqs: "SQSClient",
    target: Target,
    selection: Selection,
    *,
    really: bool,
    bypass_lock: bool = False,
) -> Purged:
    """Delete everything in a selection, or only count it. Raises botocore's errors.

    `target`: a stack with its two buckets. If a queue is None, it is skipped.
    `bypass_lock`: also delete objects under an object lock in governance mode (setting result_lock_days).
    """
    purged = Purged()
    upload_bucket, result_bucket = str(target.upload_bucket), str(target.result_bucket)
    images = _listed(s3, upload_bucket, selection)
    purged.uploads = _empty(s3, upload_bucket, images, purged, really=really, bypass_lock=bypass_lock)
    purged.parts = _abort_parts(s3, upload_bucket, selection, purged, really=really)
    named = selection.of_results(purged.keys)
    if target.dead_letter_queue_url is not None:
        purged.dead_letters = forget(sqs, target.dead_letter_queue_url, selection.covers, really=really)
    uploads = frozenset(purged.keys)
    owners = Owners(s3, result_bucket, upload_bucket, lambda key: key in uploads or selection.covers(key))
    results = owners.theirs(_listed(s3, result_bucket, named))
    purged.results = _empty(s3, result_bucket, results, purged, really=really, bypass_lock=bypass_lock)
    if target.queue_url is not None:
        purged.under_way = count(sqs, target.queue_url)
    return purged


def versions(s3: "S3Client", bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield key and version of all versions and delete markers under a prefix."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            yield entry["Key"], entry["VersionId"]


def _listed(s3: "S3Client", bucket: str, selection: Selection) -> dict[tuple[str, str], None]:
    """Return key and version of everything selected, in the order of the listings."""
    listed = itertools.chain.from_iterable(versions(s3, bucket, prefix) for prefix in selection.listings)
    return dict.fromkeys((key, version) for key, version in listed if selection.covers(key))


def _empty(
    s3: "S3Client", bucket: str, found: Iterable[tuple[str, str]], purged: Purged, *, really: bool, bypass_lock: bool
) -> int:
    """Delete these versions (key, version) if `really`, and return their number."""
    # Find all objects before deleting one: the owner of a heatmap is known only from its result.
    wanted = list(found)
    purged.keys |= {key for key, _ in wanted}
    if really:
        for batch in _batches(wanted, _BATCH):
            objects: list[ObjectIdentifierTypeDef] = [{"Key": key, "VersionId": version} for key, version in batch]
            request: DeleteObjectsRequestTypeDef = {"Bucket": bucket, "Delete": {"Objects": objects, "Quiet": True}}
            if bypass_lock:
                request["BypassGovernanceRetention"] = True
            answer = s3.delete_objects(**request)
            purged.remaining += [
                {"bucket": bucket, "key": error["Key"], "version": error["VersionId"], "code": error["Code"]}
                for error in answer.get("Errors", [])
            ]
    return len(wanted)


def _meets(one: str, other: str) -> bool:
    """Return whether a key can start with both prefixes."""
    return one.startswith(other) or other.startswith(one)


def _abort_parts(s3: "S3Client", bucket: str, selection: Selection, purged: Purged, *, really: bool) -> int:
    """Abort the unfinished multipart uploads in the selection, which deletes their parts, and return their number."""
    found = 0
    for prefix in selection.listings:
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
            for upload in page.get("Uploads", []):
                if selection.covers(upload["Key"]):
                    found += 1
                    purged.keys.add(upload["Key"])
                    if really:
                        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    return found


def _batches(items: Iterable[tuple[str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def _as_json(purged: Purged, really: bool) -> dict[str, Any]:
    return {
        "deleted": really,
        "uploads": purged.uploads,
        "unfinished_uploads": purged.parts,
        "results": purged.results,
        "dead_letters": purged.dead_letters,
        "keys": sorted(purged.keys),
        "remaining": purged.remaining,
        "under_way": purged.under_way,
    }


def _tell(purged: Purged, really: bool) -> None:
    say = output.stdout.print
    if not purged.found:
        say("Nothing is stored under these keys.")
    else:
        keys = sorted(purged.keys)
        for key in keys[:_SHOWN]:
            output.print_text(f"  {key}")
        if len(keys) > _SHOWN:
            say(f"  and {len(keys) - _SHOWN} more keys")
        say(
            f"{'Deleted' if really else 'Found'}: {purged.uploads} versions of uploads, {purged.parts} unfinished "
            f"uploads, {purged.results} versions of results and heatmaps, {purged.dead_letters} failed messages."
        )
    if not really:
        say("Nothing was deleted. Run the same command with --yes to delete permanently.")
        return
    for left in purged.remaining:
        output.print_text(f"  not deleted: {left['bucket']}/{left['key']} {left['version']} ({left['code']})")
    if purged.remaining:
        say(
            f"{len(purged.remaining)} versions could not be deleted. If an object lock keeps them (result_lock_days), "
            "wait until it ends, or use --bypass-lock with the permission s3:BypassGovernanceRetention. Lift a legal "
            "hold first. If the permission s3:DeleteObjectVersion is missing, add it and run the command again."
        )
    if purged.under_way:
        say(
            f"{purged.under_way} messages are in the upload queue. If one is about a deleted image, the worker still "
            "writes a result that contains its key. Run the command again when the queue is empty."
        )
    say(_ELSEWHERE)

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.feedback import Feedback, store_feedback
from pneumonia.uploads.ids import new_id, upload_key
from pneumonia.uploads.names import HEATMAP_SUFFIX, JSON_SUFFIX, result_key, upload_stem
from pneumonia_cli.client.operating import purge
from pneumonia_cli.client.operating.purge import Purged, Selection
from pneumonia_cli.client.target import Target
from tests.client.conftest import Pneumonia, Stack
from tests.conftest import ImageBytes

LOCAL = ("--stack", "local")
UPLOADS, RESULTS = "pneumonia-uploads", "pneumonia-results"


def work_off(stack: Stack) -> None:
    while stack.poller.poll():
        pass


def stored(stack: Stack, bucket: str) -> set[tuple[str, str]]:
    """Return everything in a bucket: versions, delete markers, and multipart uploads."""
    s3 = stack.cloud.s3
    parts = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return {*purge.versions(s3, bucket, ""), *((part["Key"], part["UploadId"]) for part in parts)}


@pytest.fixture
def patients(stack: Stack, image_bytes: ImageBytes) -> Stack:
    """Two patients. Ada's image was uploaded twice, deleted, and has a multipart upload. Bob's key starts the same."""
    s3 = stack.cloud.s3
    for grey in (200, 100):
        s3.put_object(Bucket=UPLOADS, Key="ward/ada 1.png", Body=image_bytes(grey))
    s3.put_object(Bucket=UPLOADS, Key="ward/ada 1.png.png", Body=image_bytes(90))
    s3.put_object(Bucket=UPLOADS, Key="ward/bob.png", Body=image_bytes(80))
    work_off(stack)
    s3.delete_object(Bucket=UPLOADS, Key="ward/ada 1.png")
    s3.create_multipart_upload(Bucket=UPLOADS, Key="ward/ada 1.png")
    return stack


def test_purging_a_key_deletes_versions_markers_parts_results_and_heatmaps(
    patients: Stack, pneumonia: Pneumonia
) -> None:
    before = {bucket: stored(patients, bucket) for bucket in (UPLOADS, RESULTS)}
    ran = pneumonia("purge", "--key", "ward/ada 1.png", *LOCAL, "--yes", "--json")
    assert ran.code == 0
    told = json.loads(ran.out)
    assert told.pop("keys") == ["ward/ada 1.png", "ward/ada 1.png.heatmap.png", "ward/ada 1.png.json"]
    assert told == {
        "deleted": True,
        "uploads": 3,  # two versions and a delete marker
        "unfinished_uploads": 1,
        "results": 2,
        "dead_letters": 0,
        "remaining": [],
        "under_way": 0,
    }
    for bucket, entries in before.items():
        gone = {"ward/ada 1.png", "ward/ada 1.png.heatmap.png", "ward/ada 1.png.json"}
        assert stored(patients, bucket) == {entry for entry in entries if entry[0] not in gone}
    assert pneumonia("purge", "--key", "ward/ada 1.png", *LOCAL, "--yes").code == 0


def test_without_yes_it_shows_and_deletes_nothing(patients: Stack, pneumonia: Pneumonia) -> None:
    before = {bucket: stored(patients, bucket) for bucket in (UPLOADS, RESULTS)}
    ran = pneumonia("purge", "--prefix", "ward/ada", *LOCAL)
    assert ran.code == 0
    assert "ward/ada 1.png.png.heatmap.png" in ran.out
    assert "bob" not in ran.out
    assert "Nothing was deleted" in ran.out
    assert {bucket: stored(patients, bucket) for bucket in (UPLOADS, RESULTS)} == before


def test_a_prefix_selects_results_without_uploads_too(patients: Stack, pneumonia: Pneumonia) -> None:
    patients.cloud.s3.put_object(Bucket=RESULTS, Key="ward/ada 0.png.json", Body=b"{}")  # its image has expired
    assert pneumonia("purge", "--prefix", "ward/ada", *LOCAL, "--yes").code == 0
    left = {key for bucket in (UPLOADS, RESULTS) for key, _ in stored(patients, bucket)}
    assert left == {"ward/bob.png", "ward/bob.png.json", "ward/bob.png.heatmap.png"}


def test_an_upload_is_known_by_its_id(stack: Stack, pneumonia: Pneumonia, image_bytes: ImageBytes) -> None:
    mine, other = new_id(1e9), new_id(1e9)
    for one in (mine, other):
        stack.cloud.s3.put_object(Bucket=UPLOADS, Key=upload_key(one), Body=image_bytes(120))
    work_off(stack)
    assert pneumonia("purge", "--upload", mine, *LOCAL, "--yes").code == 0
    left = {key for bucket in (UPLOADS, RESULTS) for key, _ in stored(stack, bucket)}
    assert left == {upload_key(other) + suffix for suffix in ("", JSON_SUFFIX, HEATMAP_SUFFIX)}


@pytest.mark.slow
def test_a_key_so_long_that_its_results_were_cut(stack: Stack, pneumonia: Pneumonia, image_bytes: ImageBytes) -> None:
    key = "k" * 1020
    stack.cloud.s3.put_object(Bucket=UPLOADS, Key=key, Body=image_bytes(120))
    work_off(stack)
    assert not result_key(key, JSON_SUFFIX).startswith(key)
    assert len(stored(stack, RESULTS)) == 2
    assert pneumonia("purge", "--prefix", key[:1019], *LOCAL, "--yes").code == 0
    assert stored(stack, UPLOADS) == stored(stack, RESULTS) == set()


FILMS = ("archive/hospital/a.png", "archive/hospital/b.png")
"""Upload keys that look like keys of an archive's images."""


def written_before(stack: Stack, image_bytes: ImageBytes) -> None:
    """Results from before prefixes were reserved: that of b.png has the key of an archive's image."""
    s3 = stack.cloud.s3
    for key, grey in zip(FILMS, (120, 90), strict=True):
        s3.put_object(Bucket=UPLOADS, Key=key, Body=image_bytes(grey))
    work_off(stack)
    for suffix in (JSON_SUFFIX, HEATMAP_SUFFIX):
        for key, stem in zip(FILMS, map(upload_stem, FILMS), strict=True):
            s3.copy_object(Bucket=RESULTS, Key=key + suffix, CopySource=f"{RESULTS}/{stem}{suffix}")
    s3.delete_object(Bucket=RESULTS, Key=upload_stem(FILMS[1]) + JSON_SUFFIX)
    s3.delete_object(Bucket=RESULTS, Key=upload_stem(FILMS[1]) + HEATMAP_SUFFIX)
    name = FILMS[0] + JSON_SUFFIX
    found = s3.get_object(Bucket=RESULTS, Key=name)
    document = json.loads(found["Body"].read())
    document["source"] = {**document["source"], "bucket": "hospital", "key": "a.png"}
    metadata = {**found["Metadata"], "source-event-time": "2026-01-02T03:04:05+00:00"}
    s3.put_object(Bucket=RESULTS, Key=name, Body=json.dumps(document).encode(), Metadata=metadata)
    s3.put_object(Bucket=RESULTS, Key=FILMS[0] + HEATMAP_SUFFIX, Body=b"png", Metadata=metadata)
    s3.put_object(Bucket=RESULTS, Key="archive/hospital/c.png.json", Body=b"not a result")
    s3.put_object(Bucket=RESULTS, Key="~archive/hospital/d.png.json", Body=b"{}")  # of an upload with that key


@pytest.mark.slow
@pytest.mark.parametrize("how", [["--prefix", "archive/hospital/"], ["--key", FILMS[0], "--key", FILMS[1]]])
def test_results_written_before_prefixes_are_purged_and_archive_results_kept(
    stack: Stack, pneumonia: Pneumonia, image_bytes: ImageBytes, how: list[str]
) -> None:
    written_before(stack, image_bytes)
    assert len(stored(stack, RESULTS)) == 8
    assert pneumonia("purge", *how, *LOCAL, "--yes").code == 0
    assert stored(stack, UPLOADS) == set()
    others = {FILMS[0] + JSON_SUFFIX, FILMS[0] + HEATMAP_SUFFIX, "archive/hospital/c.png.json"}
    assert {key for key, _ in stored(stack, RESULTS)} == {*others, "~archive/hospital/d.png.json"}


def test_results_of_an_expired_upload_are_deleted_by_its_prefix(
    stack: Stack, pneumonia: Pneumonia, image_bytes: ImageBytes
) -> None:
    written_before(stack, image_bytes)
    for key, version in stored(stack, UPLOADS):
        stack.cloud.s3.delete_object(Bucket=UPLOADS, Key=key, VersionId=version)
    assert pneumonia("purge", "--prefix", "archive/hosp", *LOCAL, "--yes").code == 0
    assert len(stored(stack, RESULTS)) == 4


@pytest.mark.slow
def test_all_versions_of_results_are_deleted(patients: Stack, pneumonia: Pneumonia) -> None:
    s3 = patients.cloud.s3
    s3.put_bucket_versioning(Bucket=RESULTS, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket=RESULTS, Key="ward/bob.png.json", Body=b"{}")
    assert pneumonia("purge", "--key", "ward/bob.png", *LOCAL, "--yes").code == 0
    assert not [key for key, _ in stored(patients, RESULTS) if key.startswith("ward/bob")]


def message(key: str) -> str:
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2026-11-25T08:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": UPLOADS}, "object": {"key": key, "size": 1, "eTag": "x"}},
    }
    return json.dumps({"Records": [record]})


def dead_letters(stack: Stack) -> list[str]:
    found = []
    while messages := stack.cloud.sqs.receive_message(
        QueueUrl=stack.cloud.dead_letter_queue_url, MaxNumberOfMessages=10, VisibilityTimeout=60
    ).get("Messages"):
        found += [entry["Body"] for entry in messages]
    return found


@pytest.mark.parametrize("really", [True, False])
def test_only_failed_messages_about_the_images_are_deleted(stack: Stack, pneumonia: Pneumonia, really: bool) -> None:
    others = [message("ward/bob.png"), "not of S3", message("ward/ada"), *map(str, range(20))]
    for body in [message("ward/ada+1.png"), *others[:12], message("ward/ada+1.png"), *others[12:]]:
        stack.cloud.sqs.send_message(QueueUrl=stack.cloud.dead_letter_queue_url, MessageBody=body)
    ran = pneumonia("purge", "--key", "ward/ada 1.png", *LOCAL, "--json", *(["--yes"] if really else []))
    assert json.loads(ran.out)["dead_letters"] == 2
    left = dead_letters(stack)  # none of them is still hidden
    assert sorted(left) == sorted(others if really else [*others, message("ward/ada+1.png"), message("ward/ada+1.png")])


@pytest.mark.slow
def test_messages_in_the_queue_are_reported(stack: Stack, pneumonia: Pneumonia, image_bytes: ImageBytes) -> None:
    work_off(stack)
    stack.cloud.s3.put_object(Bucket=UPLOADS, Key="ada.png", Body=image_bytes(120))
    ran = pneumonia("purge", "--key", "ada.png", *LOCAL, "--yes")
    assert ran.code == 0
    assert "1 messages are in the upload queue" in " ".join(ran.out.split())
    # As the message says, the result contains the key, and a second run deletes it.
    work_off(stack)
    assert {key for key, _ in stored(stack, RESULTS)} == {"ada.png.json"}
    assert pneumonia("purge", "--key", "ada.png", *LOCAL, "--yes").code == 0
    assert stored(stack, RESULTS) == set()


def test_objects_that_s3_does_not_delete_are_reported(
    patients: Stack, pneumonia: Pneumonia, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = purge._empty

    def locked(s3: Any, bucket: str, found: Any, purged: Purged, **options: bool) -> int:
        purged.remaining.append({"bucket": bucket, "key": "ward/[bob].png", "version": "7", "code": "AccessDenied"})
        return told(s3, bucket, found, purged, **options)

    monkeypatch.setattr(purge, "_empty", locked)
    ran = pneumonia("purge", "--key", "ward/bob.png", *LOCAL, "--yes")
    assert ran.code == 4
    assert f"not deleted: {UPLOADS}/ward/[bob].png 7 (AccessDenied)" in ran.out
    assert "object lock" in ran.out


@pytest.fixture
def s3(aws_credentials: None) -> Iterator[Any]:
    client = boto3.client("s3")
    yield client
    client.close()


@pytest.mark.parametrize("bypass", [True, False])
def test_errors_of_single_objects_are_taken_from_the_answer(s3: Any, bypass: bool) -> None:
    purged = Purged()
    wanted = {"Bucket": "b", "Delete": {"Objects": [{"Key": "a", "VersionId": "1"}], "Quiet": True}}
    lock = {"BypassGovernanceRetention": True} if bypass else {}
    version = {"Key": "a", "VersionId": "1", "IsLatest": True}
    with Stubber(s3) as stubber:
        stubber.add_response("list_object_versions", {"Versions": [version]})
        error = {"Key": "a", "VersionId": "1", "Code": "AccessDenied", "Message": "WORM"}
        stubber.add_response("delete_objects", {"Errors": [error]}, wanted | lock)
        found = purge._listed(s3, "b", Selection(frozenset({"a"})))
        assert purge._empty(s3, "b", found, purged, really=True, bypass_lock=bypass) == 1
    assert purged.remaining == [{"bucket": "b", "key": "a", "version": "1", "code": "AccessDenied"}]


def test_control_characters_in_keys_are_replaced(stack: Stack, pneumonia: Pneumonia) -> None:
    stack.cloud.s3.put_object(Bucket=UPLOADS, Key="ada\x9b[2J\u202e.png", Body=b"x")
    ran = pneumonia("purge", "--prefix", "ada", *LOCAL)
    assert "ada\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}.png" in ran.out
    assert "\x9b" not in ran.out
    assert json.loads(pneumonia("purge", "--prefix", "ada", *LOCAL, "--json").out)["keys"] == ["ada\x9b[2J\u202e.png"]


def test_more_than_one_request_can_delete(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "_BATCH", 3)
    for number in range(8):
        stack.cloud.s3.put_object(Bucket=UPLOADS, Key=f"a/{number}", Body=b"x")
    places = Target(upload_bucket=UPLOADS, result_bucket=RESULTS)
    assert purge.purge(stack.cloud.s3, stack.cloud.sqs, places, Selection(prefixes=("a/",)), really=True).uploads == 8
    assert stored(stack, UPLOADS) == set()


@pytest.mark.parametrize(
    "arguments",
    [[], ["--prefix", ""], ["--key", ""], ["--upload", "../x"], ["--upload", ""], ["--key", "a", "--key", ""]],
)
def test_nothing_is_purged_by_mistake(stack: Stack, pneumonia: Pneumonia, arguments: list[str]) -> None:
    stack.cloud.s3.put_object(Bucket=UPLOADS, Key="a", Body=b"x")
    assert pneumonia("purge", *arguments, *LOCAL, "--yes").code == 2
    assert len(stored(stack, UPLOADS)) == 1


@pytest.mark.parametrize("selected", ["--key", "--prefix"])
def test_purging_a_result_deletes_its_feedback(stack: Stack, pneumonia: Pneumonia, selected: str) -> None:
    s3 = stack.cloud.s3
    kept, gone = new_id(0), new_id(0)
    for upload_id in (kept, gone):
        source = {"bucket": UPLOADS, "key": upload_key(upload_id)}
        document = ResultDocument("rejected", {"code": "too_small"}, None, source)
        s3.put_object(Bucket=RESULTS, Key=result_key(source["key"], JSON_SUFFIX), Body=document.to_bytes())
        store_feedback(s3, RESULTS, source, Feedback("agree", None), document)
    assert pneumonia("purge", selected, upload_key(gone), *LOCAL, "--yes").code == 0
    assert {key for key, _ in stored(stack, RESULTS)} == {f"api/{kept}.json", f"feedback/api/{kept}.json"}

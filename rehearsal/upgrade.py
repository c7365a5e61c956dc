"""Update a stack of the last release to this tree. The data of the stack must stay and still work."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from rehearsal.cdk import ROOT, Cdk, CommandFailed, run
from rehearsal.deployed_stack import DeployedStack, until
from rehearsal.doors import Doors
from rehearsal.last_release import LAST_RELEASE, absent, unpacked
from rehearsal.proof import Proofs, require

STACK: Final = "Upgraded"

# Types with data, or with an address that others know. A new physical id would mean a new, empty resource.
_KEPT: Final = (
    "AWS::Lambda::Alias", "AWS::Lambda::Function", "AWS::Lambda::Url", "AWS::Logs::LogGroup", "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret", "AWS::SNS::Topic", "AWS::SQS::Queue",
)  # fmt: skip
_FAILED_KEY: Final = "upgraded/failed.png"
_WAITING_KEY: Final = "upgraded/waiting.png"
_SAMPLE: Final = "normal-1.png"
_JSON: Final = ".json"


class Upgrade:
    """A separate stack, deployed from the last release and then from this tree."""

    def __init__(
        self, proofs: Proofs, cdk: Cdk, stack: DeployedStack, doors: Doors, context: Mapping[str, str]
    ) -> None:
        self._proofs = proofs
        self._cdk = cdk
        self._doors = doors
        self._stack = DeployedStack(STACK, stack.s3, stack.sqs)
        # Requests are not signed (auth none), because the command line signs only for AWS's own addresses.
        self._context = {**context, "stack_name": STACK, "auth": "none", "deployment": "all_at_once"}
        self._old = cdk.tree.parent / "last-release"
        self._out = cdk.tree.parent / "upgraded"

    def run(self) -> None:
        """Run all steps, or add one row that says why no step is run. Raises the exception of the step that fails."""
        if not unpacked(self._old):
            with self._proofs.step("An update from the last release is skipped") as proof:
                proof.seen = absent()
            return
        self._use_the_last_release()
        with self._doors.shut(self._stack.outputs["UploadQueueUrl"]):
            replayed = self._leave_messages()
            self._update()
            require(self._stack.waiting() == len(replayed), f"{self._stack.waiting()} messages wait after the update")
        self._deliver(replayed)
        self._work_on()
        self._cdk.destroy(self._context)

    def _use_the_last_release(self) -> None:
        with self._proofs.step("The last release is deployed and used, and one upload fails in it") as proof:
            replace(self._cdk, tree=self._old).deploy(self._context)
            printed = self._old_client("submit", str(self._old / "samples"), "--out", str(self._out), "--json")
            summary = json.loads(printed.splitlines()[-1])
            require(summary["missing"] == 0, f"images without a result: {summary}")
            with self._stack.refusing_results():
                image = (ROOT / "samples" / _SAMPLE).read_bytes()
                self._stack.s3.put_object(Bucket=self._uploads, Key=_FAILED_KEY, Body=image)
                until(lambda: self._stack.dead_letters() == 1, "the message did not get to the dead-letter queue")
            proof.seen = f"{LAST_RELEASE[:7]}: {summary['total']} images submitted, 1 message in the dead-letter queue"

    def _leave_messages(self) -> dict[str, str | None]:
        """Leave two messages in the queue: one of S3 for an upload, and one of the last release's command `replay`.

        Return, by the key of each upload, the ETag of its current result, or None without a result.
        """
        with self._proofs.step("Messages of the last release wait in the queue when the update starts") as proof:
            image = (ROOT / "samples" / _SAMPLE).read_bytes()
            self._stack.s3.put_object(Bucket=self._uploads, Key=_WAITING_KEY, Body=image)
            answered = min(key.removesuffix(_JSON) for key in self._results() if key.startswith("batch/"))
            day = self._stack.s3.head_object(Bucket=self._uploads, Key=answered)["LastModified"].strftime("%Y-%m-%d")
            replay = self._old_client("replay", "--day", day, "--prefix", answered, "--yes", "--json")
            require(json.loads(replay.splitlines()[-1])["sent"] == 1, f"no image was replayed: {replay}")
            until(lambda: self._stack.waiting() == 2, "the messages are not in the queue")
            require(not self._stack.has_result(_WAITING_KEY), "the upload has its result already")
            proof.seen = "1 from S3 for an upload, 1 from pneumonia replay"
            return {_WAITING_KEY: None, answered: self._results()[answered + _JSON]}

    def _deliver(self, before: Mapping[str, str | None]) -> None:
        """Deliver the messages of the last release to the new worker."""
        with self._proofs.step("The new worker processes the messages that waited during the update") as proof:
            until(
                lambda: all(self._results().get(key + _JSON, etag) != etag for key, etag in before.items()),
                "the messages of the last release have no new results",
            )
            schemas = [self._result(key).get("schema_version") for key in before]
            require(all(schemas), f"results are not from the new worker: schemas {schemas}")
            until(lambda: self._stack.waiting() == 0, "messages are left in the queue")
            require(self._stack.dead_letters() == 1, f"{self._stack.dead_letters()} messages are dead letters")
            proof.seen = f"{len(before)} messages, {len(schemas)} results of schema {schemas[0]}, none failed"

    def _update(self) -> None:
        """Deploy this tree to the same stack."""
        with self._proofs.step("An update to this tree replaces no bucket, queue, address or log") as proof:
            before, results = self._kept(), self._results()
            self._cdk.deploy(self._context)
            require(self._kept() >= before, f"removed: {before - self._kept()}")
            require(self._results() == results, "results have changed")
            proof.seen = f"{len(before)} resources and {len(results)} results are unchanged"

    def _work_on(self) -> None:
        with self._proofs.step("Old results, the journal of submit and old messages still work") as proof:
            listed = json.loads(self._client("results", str(self._out), "--json").splitlines()[-1])
            require(listed["missing"] == 0 and listed["total"] > 0, f"the old journal gives {listed}")
            again = self._out.with_name("upgraded-results")
            read = json.loads(self._client("results", str(again), "--prefix", "batch/", "--json").splitlines()[-1])
            require(read["total"] == listed["total"], f"{read['total']} results were read of {listed['total']}")
            moved = json.loads(self._client("redrive", "--json"))["moved"]
            until(lambda: self._stack.has_result(_FAILED_KEY), "the old message has no result")
            schema = self._result(_FAILED_KEY)["schema_version"]
            proof.seen = f"{read['total']} results read twice, {moved} message redriven, new results of schema {schema}"

    def _result(self, key: str) -> dict[str, Any]:
        with self._stack.s3.get_object(Bucket=self._results_bucket, Key=key + _JSON)["Body"] as body:
            document: dict[str, Any] = json.loads(body.read())
        return document

    def _kept(self) -> set[tuple[str, str]]:
        return {one for one in self._stack.resources() if one[0] in _KEPT and "Check" not in one[1]}

    def _results(self) -> dict[str, str]:
        pages = self._stack.s3.get_paginator("list_objects_v2").paginate(Bucket=self._results_bucket)
        return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}

    @property
    def _uploads(self) -> str:
        return self._stack.outputs["UploadBucketName"]

    @property
    def _results_bucket(self) -> str:
        return self._stack.outputs["ResultBucketName"]

    def _old_client(self, *arguments: str) -> str:
        """Run the command line of the last release."""
        env = {**os.environ, "PYTHONPATH": f"{self._old / 'lambda_src'}{os.pathsep}{self._old}"}
        command = [sys.executable, "-m", "pneumonia_cli", *arguments, "--stack", STACK]
        return run(command, cwd=self._old, env=env, fine=(0, 3))

    def _client(self, *arguments: str) -> str:
        try:
            return run([sys.executable, "-m", "pneumonia_cli", *arguments, "--stack", STACK], cwd=ROOT, fine=(0, 3))
        except CommandFailed as failed:
            raise CommandFailed(f"command of this tree, on data of the last release: {failed}") from failed

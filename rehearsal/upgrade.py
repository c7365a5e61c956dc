"""A stack of the last release becomes one of this tree: what it holds stays, and works on."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from rehearsal.cdk import ROOT, Cdk, CommandFailed, run
from rehearsal.deployed_stack import DeployedStack, until
from rehearsal.last_release import LAST_RELEASE, absent, unpacked
from rehearsal.proof import Proofs, require

STACK: Final = "Upgraded"

# What holds data or has an address that others know: another physical id would be another, empty one.
_KEPT: Final = (
    "AWS::Lambda::Alias", "AWS::Lambda::Function", "AWS::Lambda::Url", "AWS::Logs::LogGroup", "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret", "AWS::SNS::Topic", "AWS::SQS::Queue",
)  # fmt: skip
_FAILED_KEY: Final = "upgraded/failed.png"
_SAMPLE: Final = "normal-1.png"


class Upgrade:
    """A stack of its own, deployed from the last release and then from this tree."""

    def __init__(self, proofs: Proofs, cdk: Cdk, stack: DeployedStack, context: Mapping[str, str]) -> None:
        self._proofs = proofs
        self._cdk = cdk
        self._stack = DeployedStack(STACK, stack.s3, stack.sqs)
        # Without credentials: the command line signs for AWS's own addresses alone.
        self._context = {**context, "stack_name": STACK, "auth": "none", "deployment": "all_at_once"}
        self._old = cdk.tree.parent / "last-release"
        self._out = cdk.tree.parent / "upgraded"

    def run(self) -> None:
        """All steps, or one that says why there are none. Raises what the one that fails raises."""
        if not unpacked(self._old):
            with self._proofs.step("An update from the last release is skipped") as proof:
                proof.seen = absent()
            return
        self._use_the_last_release()
        kept = self._update()
        self._work_on(kept)
        self._cdk.destroy(self._context)

    def _use_the_last_release(self) -> None:
        with self._proofs.step("The last release is deployed and used, and one upload fails in it") as proof:
            replace(self._cdk, tree=self._old).deploy(self._context)
            env = {**os.environ, "PYTHONPATH": f"{self._old / 'lambda_src'}{os.pathsep}{self._old}"}
            submit = [sys.executable, "-m", "client", "submit", str(self._old / "samples"), "--out", str(self._out)]
            printed = run([*submit, "--json", "--stack", STACK], cwd=self._old, env=env, fine=(0, 3))
            summary = json.loads(printed.splitlines()[-1])
            require(summary["missing"] == 0, f"films without a result: {summary}")
            with self._stack.refusing_results():
                film = (ROOT / "samples" / _SAMPLE).read_bytes()
                self._stack.s3.put_object(Bucket=self._uploads, Key=_FAILED_KEY, Body=film)
                until(lambda: self._stack.dead_letters() == 1, "the message did not get to the dead-letter queue")
            proof.seen = f"{LAST_RELEASE[:7]}: {summary['total']} films submitted, 1 message in the dead-letter queue"

    def _update(self) -> dict[str, str]:
        """Deploy this tree over it; answers the results of before, by key."""
        with self._proofs.step("An update to this tree replaces no bucket, queue, address or log") as proof:
            before, results = self._kept(), self._results()
            self._cdk.deploy(self._context)
            require(self._kept() >= before, f"no longer there: {before - self._kept()}")
            require(self._results() == results, "results have changed")
            proof.seen = f"{len(before)} resources and {len(results)} results are what they were"
            return results

    def _work_on(self, results: Mapping[str, str]) -> None:
        with self._proofs.step("Old results, the journal of submit and old messages work on") as proof:
            listed = json.loads(self._client("results", str(self._out), "--json").splitlines()[-1])
            require(listed["missing"] == 0 and listed["total"] > 0, f"the journal of before gives {listed}")
            again = self._out.with_name("upgraded-results")
            read = json.loads(self._client("results", str(again), "--prefix", "batch/", "--json").splitlines()[-1])
            require(read["total"] == listed["total"], f"{read['total']} results were read of {listed['total']}")
            moved = json.loads(self._client("redrive", "--json"))["moved"]
            until(lambda: self._stack.has_result(_FAILED_KEY), "the message of before has no result")
            with self._stack.s3.get_object(Bucket=self._results_bucket, Key=f"{_FAILED_KEY}.json")["Body"] as body:
                schema = json.loads(body.read())["schema_version"]
            proof.seen = f"{read['total']} results read twice, {moved} message redriven, new results of schema {schema}"

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

    def _client(self, *arguments: str) -> str:
        try:
            return run([sys.executable, "-m", "pneumonia_cli", *arguments, "--stack", STACK], cwd=ROOT, fine=(0, 3))
        except CommandFailed as failed:
            raise CommandFailed(f"of this tree, over data of the last release: {failed}") from failed

"""The steps of the rehearsal. Each shows one capability of a deployment."""

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pneumonia_cli.local.names import ACCOUNT, REGION
from rehearsal import dicomweb
from rehearsal.account import contents, told
from rehearsal.api import call
from rehearsal.cdk import ROOT, Cdk, run
from rehearsal.codedeploy import Deployments
from rehearsal.deployed_stack import DeployedStack, until
from rehearsal.doors import Doors
from rehearsal.event_bridge import EventBridge
from rehearsal.first_day import fail_and_leave_nothing
from rehearsal.function_kinds import UNRESERVED_CONCURRENCY
from rehearsal.functions import Functions
from rehearsal.neighbours import in_another_region, stand_next_to
from rehearsal.operating import Operating
from rehearsal.proof import Proofs, require
from rehearsal.receivers import INSTANCE, dicom_of, receive
from rehearsal.second_day import SecondDay
from rehearsal.upgrade import Upgrade

MAX_RECEIVES = 5  # copied from pneumonia_cli/stack/settings.py, so that a rehearsal notices a change there
REDRIVEN = "redriven/image.png"
NEW_VERSION = "999.0.0"
NEW_MEMORY_MB = 2048
NEW_QUEUE_AGE_SECONDS = 777


@dataclass(frozen=True)
class Played:
    """The parts of AWS that the rehearsal implements itself instead of moto."""

    functions: Functions
    doors: Doors
    deployments: Deployments
    bridge: EventBridge


class Rehearsal:
    """A stack from bootstrap to destruction. `base`: the CDK context that image builds on this machine need."""

    def __init__(
        self,
        proofs: Proofs,
        cdk: Cdk,
        played: Played,
        stack: DeployedStack,
        base: dict[str, str],
    ) -> None:
        self._proofs = proofs
        self._cdk = cdk
        self._functions = played.functions
        self._doors = played.doors
        self._deployments = played.deployments
        self._bridge = played.bridge
        self._stack = stack
        self._base = base
        self._operating = Operating(proofs, stack, self._client)

    def run(self) -> None:
        """Run all steps. Raise the exception of the step that fails."""
        self._bootstrap()
        # A new account cannot reserve concurrency, so creating the worker fails, after the buckets and log groups.
        reserving = {**self._base, "worker_reserved_concurrency": str(UNRESERVED_CONCURRENCY)}
        fail_and_leave_nothing(self._proofs, self._stack.name, lambda: self._cdk.deploy(reserving, fine=(1,)))
        self._deploy()
        self._smoke("signed requests (auth iam)")
        self._dead_letter_and_redrive()
        self._bad_release()
        self._smoke("the version from before")
        changed = {
            **self._base, "memory_mb": str(NEW_MEMORY_MB), "alarm_queue_age_seconds": str(NEW_QUEUE_AGE_SECONDS),
            "observability": "full", "event_bus": "default", "event_uids": "true",
        }  # fmt: skip
        self._update(changed)
        self._smoke("the new version")
        self._no_difference(changed)
        receive(self._proofs, self._stack, self._bridge)
        in_another_region(self._proofs, self._template()["Resources"])
        stand_next_to(self._proofs, self._cdk, self._stack, changed)
        for auth, means in (("token", "a token from Secrets Manager"), ("none", "no credentials")):
            changed["auth"] = auth
            self._change_auth(changed)
            self._smoke(f"{means} (auth {auth})")
            if auth == "token":
                self._uploads()
                url = self._stack.outputs["FunctionUrl"]
                dicomweb.store(self._proofs, url, self._token(), dicom_of("pneumonia-1"), INSTANCE)
        # From here auth is none, because the command line signs requests only for AWS's own addresses.
        self._operating.look()
        self._operating.purge(REDRIVEN)
        second_day = SecondDay(
            self._proofs, self._stack, self._deployments, self._client, lambda *model: self._release(changed, *model)
        )
        for number in (1, 2):
            second_day.release_roll_back_deploy(number)
        Upgrade(self._proofs, self._cdk, self._stack, self._doors, self._base).run()
        self._destroy(changed)

    def _release(self, context: dict[str, str], version: str, fails: bool) -> str:
        """Deploy a model of this version all at once, as docs/operations.md requires after a rollback."""
        with self._card() as card:
            card["version"] = version
        printed = self._cdk.deploy({**context, "deployment": "all_at_once"}, fine=(1,) if fails else (0,))
        require(not fails or self._stack.status == "UPDATE_ROLLBACK_COMPLETE", f"the stack is {self._stack.status}")
        return printed

    def _bootstrap(self) -> None:
        with self._proofs.step("cdk bootstrap prepares the account") as proof:
            self._cdk.bootstrap()
            call("ecr", "describe_repositories", repositoryNames=[f"cdk-hnb659fds-container-assets-{ACCOUNT}-{REGION}"])
            proof.seen = "bucket, image repository and roles of the CDK"

    def _deploy(self) -> None:
        with self._proofs.step("cdk deploy builds and pushes the image, and creates every resource") as proof:
            self._cdk.deploy(self._base)
            declared = len(self._template()["Resources"])
            made = self._stack.types()
            require(made.total() == declared, f"{made.total()} of {declared} resources were created")
            proof.seen = f"{declared} resources of {len(made)} types"
        with self._proofs.step("The CDK's own handler connected bucket and queue") as proof:
            bucket = self._stack.outputs["UploadBucketName"]
            queues = call("s3", "get_bucket_notification_configuration", Bucket=bucket)["QueueConfigurations"]
            (handler,) = self._stack.of_type("AWS::Lambda::Function", "BucketNotifications")
            require(self._functions.invocations[handler] == 1, "the handler was not invoked once")
            require(len(queues) == 1, f"the bucket notifies {len(queues)} queues")
            proof.seen = f"{queues[0]['Events'][0]} → {queues[0]['QueueArn'].rpartition(':')[2]}"

    def _smoke(self, with_what: str) -> None:
        with self._proofs.step(f"make smoke passes with {with_what}") as proof:
            command = [sys.executable, "-m", "pneumonia_cli.client.operating.smoke", "--stack", self._stack.name]
            printed = run([*command, "--card", str(self._cdk.tree / "model_artifacts")], cwd=ROOT)
            proof.seen = next(line.strip().partition(": ")[2] for line in printed.splitlines() if " passed" in line)

    def _uploads(self) -> None:
        with self._proofs.step("A folder of images is uploaded, and every image gets a result") as proof:
            out = self._cdk.tags.parent / "submitted"
            token = self._token()
            printed = self._client("submit", str(ROOT / "samples"), "--out", str(out), "--json", "--token", token)
            summary = json.loads(printed.splitlines()[-1])
            images = len(list((ROOT / "samples").glob("*.png")))
            require(summary["predicted"] == summary["total"] == images, f"{summary['predicted']} of {images} predicted")
            proof.seen = f"{summary['predicted']} of {summary['total']} predicted by pneumonia submit"

    def _token(self) -> str:
        secret = call("secretsmanager", "get_secret_value", SecretId=self._stack.outputs["AccessTokenSecretArn"])
        return str(json.loads(secret["SecretString"])["token"])

    def _dead_letter_and_redrive(self) -> None:
        key, image = REDRIVEN, (ROOT / "samples" / "normal-1.png").read_bytes()
        (worker,) = self._stack.of_type("AWS::Lambda::Function", "-InferenceWorker")
        with self._proofs.step(
            f"An upload that fails through a fault of the service is a dead letter after {MAX_RECEIVES} tries"
        ) as proof:
            before = self._functions.invocations[worker]
            with self._stack.refusing_results():
                self._stack.s3.put_object(Bucket=self._stack.outputs["UploadBucketName"], Key=key, Body=image)
                until(lambda: self._stack.dead_letters() == 1, "the message did not reach the dead-letter queue")
            tries = self._functions.invocations[worker] - before
            require(tries == MAX_RECEIVES, f"the worker tried {tries} times")
            require(not self._stack.has_result(key), "there is a result although writing was refused")
            proof.seen = f"1 message, after {tries} tries, while the results bucket refused writes"
        with self._proofs.step("pneumonia redrive sends it again, and it gets its result") as proof:
            moved = json.loads(self._client("redrive", "--json"))["moved"]
            require(moved == 1, f"{moved} messages were moved")
            until(lambda: self._stack.has_result(key), "there is no result")
            require(self._stack.dead_letters() == 0, "the dead-letter queue is not empty")
            proof.seen = "1 moved, 1 result, dead-letter queue empty"

    def _bad_release(self) -> None:
        with self._proofs.step("A version whose output differs from its card gets no traffic") as proof:
            live = self._stack.live()
            with self._card() as card:
                card["golden"]["logit"] -= 10 * card["golden"]["tolerance"]
            printed = self._cdk.deploy(self._base, fine=(1,))
            require(self._stack.status == "UPDATE_ROLLBACK_COMPLETE", f"the stack is {self._stack.status}:\n{printed}")
            require(self._deployments.ended == ["Failed"], f"deployments ended as {self._deployments.ended}")
            require(self._stack.live() == live, f"the aliases moved to {self._stack.live()}")
            require("release_refused" in self._functions.containers.logs(), "the check failed for another reason")
            with self._card() as card:
                card["golden"]["logit"] += 10 * card["golden"]["tolerance"]
            proof.seen = "the check refused it, CodeDeploy failed, CloudFormation rolled back"
        with self._proofs.step("An alarm during a release returns the traffic to the old version") as proof:
            alarm = str(self._stack.alarm("ApiErrors")["AlarmName"])
            call("cloudwatch", "set_alarm_state", AlarmName=alarm, StateValue="ALARM", StateReason="rehearsed")
            self._cdk.deploy({**self._base, "log_level": "DEBUG"}, fine=(1,))
            call("cloudwatch", "set_alarm_state", AlarmName=alarm, StateValue="OK", StateReason="rehearsed")
            require(self._stack.live() == live, f"the aliases moved to {self._stack.live()}")
            require(self._stack.status == "UPDATE_ROLLBACK_COMPLETE", f"the stack is {self._stack.status}")
            proof.seen = "the old version keeps the traffic, CloudFormation rolled back"

    def _update(self, context: dict[str, str]) -> None:
        with self._proofs.step("cdk deploy installs a new model, new memory and a new alarm threshold") as proof:
            live, ended = self._stack.live(), len(self._deployments.ended)
            with self._card() as card:
                old, card["version"] = card["version"], NEW_VERSION
            self._cdk.deploy(context)
            threshold = self._stack.alarm("QueueOld")["Threshold"]
            require(threshold == NEW_QUEUE_AGE_SECONDS, f"the alarm's threshold is {threshold}")
            moved = [name for name, version in self._stack.live().items() if version != live[name]]
            require(len(moved) == len(live), f"only {moved} moved to a new version")
            shifts = self._deployments.ended[ended:]
            require(shifts == ["Succeeded"] * len(moved), f"deployments ended as {shifts}")
            proof.seen = f"model {old} → {NEW_VERSION}, {len(moved)} aliases by CodeDeploy, alarm at {threshold:.0f} s"

    def _no_difference(self, context: dict[str, str]) -> None:
        with self._proofs.step("The containers in use have the new memory") as proof:
            limits = self._functions.containers.limits()
            found = [limits.get(function_and_version) for function_and_version in self._stack.live().items()]
            require(set(found) == {NEW_MEMORY_MB}, f"the containers have {limits}")
            proof.seen = f"{len(found)} containers with {NEW_MEMORY_MB} MB"
        with self._proofs.step("cdk diff then finds no difference") as proof:
            self._cdk.diff(context)
            proof.seen = "none"

    def _change_auth(self, context: dict[str, str]) -> None:
        with self._proofs.step(f"cdk deploy changes the access control to {context['auth']}") as proof:
            self._cdk.deploy(context)
            require(self._stack.outputs["Auth"] == context["auth"], f"auth is {self._stack.outputs['Auth']}")
            proof.seen = self._stack.outputs["Auth"]

    def _destroy(self, context: dict[str, str]) -> None:
        with self._proofs.step("cdk destroy removes everything except the data that the settings retain") as proof:
            outputs, groups = self._stack.outputs, self._stack.of_type("AWS::Logs::LogGroup")
            results = len(self._stack.s3.list_objects_v2(Bucket=outputs["ResultBucketName"]).get("Contents", []))
            self._cdk.destroy(context)
            left = contents(("function", "queue", "topic", "alarm", "dashboard", "secret", "rule"))
            require(not left, f"left behind: {told(left)}")
            require(not self._functions.containers.limits(), "containers are left behind")
            kept = len(self._stack.s3.list_objects_v2(Bucket=outputs["ResultBucketName"])["Contents"])
            require(kept == results > 0, f"{kept} of {results} results are left")
            self._stack.s3.head_bucket(Bucket=outputs["UploadBucketName"])
            kept_groups = {group["logGroupName"] for group in call("logs", "describe_log_groups")["logGroups"]}
            require(kept_groups >= set(groups), f"log groups are gone: {set(groups) - kept_groups}")
            proof.seen = f"2 buckets with {kept} objects of results and {len(groups)} log groups stay; nothing else"

    @contextlib.contextmanager
    def _card(self) -> Iterator[dict[str, Any]]:
        """Yield the model card of the CLI's source tree, to change it in a `with` block."""
        path = self._cdk.tree / "model_artifacts" / "card.json"
        card = json.loads(path.read_text(encoding="utf-8"))
        yield card
        path.write_text(json.dumps(card), encoding="utf-8")

    def _template(self) -> dict[str, dict[str, Any]]:
        path = Path(self._cdk.tree, "cdk.out", f"{self._stack.name}.template.json")
        template: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return template

    def _client(self, command: str, *arguments: str) -> str:
        return run([sys.executable, "-m", "pneumonia_cli", command, *arguments, "--stack", self._stack.name], cwd=ROOT)

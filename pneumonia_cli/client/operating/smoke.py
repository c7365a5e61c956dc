"""`make smoke STACK=name`: check that a deployed stack predicts as the model card says.

The check sends one image of samples/ to the Function URL, with the credentials that the stack's auth requires, and
uploads it to the upload bucket. It compares both predictions with the model card of this repository and with each
other. At the end it removes the upload and its result.
"""

import argparse
import json
import math
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError
from requests.auth import AuthBase
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pneumonia.errors import ModelError
from pneumonia.model.card import Card
from pneumonia.uploads.names import HEATMAP_SUFFIX, JSON_SUFFIX, result_key
from pneumonia_cli.bundled import MODEL_DIR
from pneumonia_cli.client.aws import Aws, error_code, errors_in_words
from pneumonia_cli.client.errors import CliError, Refused, ServiceError
from pneumonia_cli.client.service import Service
from pneumonia_cli.client.signing import Anonymous, Bearer, SigV4, checked_url, region_of
from pneumonia_cli.client.target import outputs
from pneumonia_cli.reporting.printable import printable
from pneumonia_cli.reporting.verdict import WORDS, percent

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EXIT_FAILED = 1
PREFIX: Final = "smoke/"
"""Prefix of the image in the upload bucket, and so of its result."""

_LOOK_EVERY_SECONDS = 0.5
_SAME = 0.001  # tolerance for one image: both predictions come from the same graph on the same kind of machine
_PNG = b"\x89PNG"

# The status of a request without credentials, from AWS or, with `token`, from the function.
_REFUSED_WITH = {"iam": HTTPStatus.FORBIDDEN, "token": HTTPStatus.UNAUTHORIZED, "none": HTTPStatus.OK}


class Wrong(Exception):
    """The stack answered, but not as expected. The message says what was found."""


@dataclass(frozen=True)
class Check:
    """One row of the table: name of the check, whether it passed, and what was found."""

    name: str
    passed: bool
    found: str


class Checks(list[Check]):
    """The rows so far."""

    def look(self, name: str, action: Callable[[], str]) -> None:
        """Run `action` and add a row with its result or its failure. A failure does not stop the other checks."""
        try:
            self.append(Check(name, True, action()))
        except Refused as refused:
            self.append(Check(name, False, f"refused: {refused.code}. {refused.detail}"))
        except (CliError, Wrong) as error:
            self.append(Check(name, False, str(error)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the checks, print them, and return the exit code: 0 if all passed, else 1."""
    arguments = _parser().parse_args(argv)
    console = Console()
    try:
        card = Card.load(arguments.card)
        image = arguments.film.read_bytes()
        with Aws() as aws:
            checks = smoke(aws, arguments.stack, card, image, patience_seconds=arguments.timeout)
    except (CliError, ModelError, OSError) as error:
        console.print(printable(str(error), "red"))
        return EXIT_FAILED
    console.print(_table(arguments.stack, checks))
    return 0 if all(check.passed for check in checks) else EXIT_FAILED


def smoke(aws: Aws, stack: str, card: Card, image: bytes, *, patience_seconds: float) -> list[Check]:
    """Run all checks, in the order of the table. Raises CliError if the stack or its credentials are missing.

    `card`: the card of the model that the stack should serve. `image`: a chest X-ray that the gate accepts.
    """
    named = outputs(aws, stack)
    missing = {"FunctionUrl", "Auth", "UploadBucketName", "ResultBucketName"} - named.keys()
    if missing:
        raise ServiceError(
            f"The stack {stack} has no output {', '.join(sorted(missing))}. It may be from another version."
        )
    url = checked_url(named["FunctionUrl"])
    checks = Checks()
    probabilities: dict[str, float] = {}
    with Service(url, credentials(aws, named)) as service, Service(url, Anonymous()) as stranger:
        checks.look(f"Access ({named['Auth']})", lambda: _access(stranger, named["Auth"]))
        checks.look("Model", lambda: _model(service, card))
        checks.look("Health", lambda: _health(service))
        checks.look("Function URL", lambda: _by_http(service, card, image, probabilities))
    bucket = _Buckets(aws.s3(), named["UploadBucketName"], named["ResultBucketName"])
    key = f"{PREFIX}{uuid.uuid4()}"
    checks.look("Upload bucket", lambda: bucket.predict(key, image, card, patience_seconds, probabilities))
    if len(probabilities) > 1:
        checks.look("Same answer", lambda: _same(probabilities))
    checks.look("Tidied up", lambda: bucket.tidy(key))
    return checks


def credentials(aws: Aws, named: Mapping[str, str]) -> AuthBase:
    """Return the credentials for requests to the stack with these outputs. Raises CliError."""
    if named["Auth"] == "iam":
        region = region_of(named["FunctionUrl"]) or aws.region
        if region is None:
            raise ServiceError("No AWS region is set. Set AWS_REGION.")
        return SigV4(aws.credentials(), region)
    if named["Auth"] == "token":
        with errors_in_words("The access token"):
            secret = aws.client("secretsmanager").get_secret_value(SecretId=named["AccessTokenSecretArn"])
        return Bearer(json.loads(secret["SecretString"])["token"])
    return Anonymous()


def disagreements(answer: Mapping[str, Any], card: Card) -> list[str]:
    """Return the contradictions between a response and the model card; an empty list if there are none."""
    points = card.operating_points
    pneumonia = answer.get("pneumonia")
    if not isinstance(pneumonia, float | int) or not 0 <= pneumonia <= 1:
        return [f"pneumonia is {pneumonia!r}, which is not a probability"]
    triage = "indeterminate"
    if pneumonia < points.rule_out:
        triage = "likely_normal"
    elif pneumonia >= points.rule_in:
        triage = "likely_pneumonia"
    expected = {
        "label": "pneumonia" if pneumonia >= points.balanced else "normal",
        "triage": triage,
        "threshold": points.balanced,
        "model": card.identity(),
        "notice": card.notice,
    }
    wrong = [f"{name} is {answer.get(name)!r}, not {value!r}" for name, value in expected.items()
             if answer.get(name) != value]  # fmt: skip
    normal = answer.get("normal")
    if not isinstance(normal, float | int) or not math.isclose(normal + pneumonia, 1, abs_tol=2e-6):
        wrong.append(f"normal ({normal!r}) and pneumonia ({pneumonia!r}) do not add up to 1")
    return wrong


def _access(stranger: Service, auth: str) -> str:
    status = stranger.send("GET", "/model").status_code
    if status != _REFUSED_WITH[auth]:
        raise Wrong(f"without credentials: HTTP {status}, not {_REFUSED_WITH[auth]:d}")
    return f"without credentials: HTTP {status}" + (", public as configured" if auth == "none" else "")


def _model(service: Service, card: Card) -> str:
    try:
        served = Card.from_document(service.card()).identity()
    except ModelError as error:
        raise Wrong(f"the model card cannot be read: {error.detail}") from error
    if served != card.identity():
        raise Wrong(f"the stack serves {_named(served)}, not {_named(card.identity())}")
    return _named(served)


def _named(model: Mapping[str, str]) -> str:
    return f"{model['name']} {model['version']} ({model['sha256'][:12]})"


def _health(service: Service) -> str:
    response = service.send("GET", "/health")
    if response.status_code != HTTPStatus.OK:
        raise Wrong(f"HTTP {response.status_code}: {response.text[:200]}")
    return f"self-test {response.json()['self_test']}"


def _by_http(service: Service, card: Card, image: bytes, probabilities: dict[str, float]) -> str:
    started = time.perf_counter()
    answer = service.predict(image, heatmap=True)
    milliseconds = (time.perf_counter() - started) * 1000
    if wrong := disagreements(answer, card):
        raise Wrong("; ".join(wrong))
    if not answer.get("heatmap", {}).get("data"):
        raise Wrong("the response has no heatmap")
    probabilities["http"] = answer["pneumonia"]
    return f"{_in_words(answer)}, heatmap, in {milliseconds:.0f} ms"


def _in_words(answer: Mapping[str, Any]) -> str:
    return f"pneumonia {percent(answer['pneumonia'])}, {answer['label']}, {WORDS[answer['triage']]}"


def _same(probabilities: Mapping[str, float]) -> str:
    apart = max(probabilities.values()) - min(probabilities.values())
    if apart > _SAME:
        raise Wrong(f"the two probabilities differ by {apart:.6f}")
    return f"the two probabilities differ by {apart:.6f}"


@dataclass(frozen=True)
class _Buckets:
    """Predicts an image by way of the buckets and the queue."""

    s3: "S3Client"
    uploads: str
    results: str

    def predict(
        self, key: str, image: bytes, card: Card, patience_seconds: float, probabilities: dict[str, float]
    ) -> str:
        """Upload, wait for the result and compare it with the card."""
        started = time.perf_counter()
        with errors_in_words("The upload bucket"):
            self.s3.put_object(Bucket=self.uploads, Key=key, Body=image)
        result = self._wait(result_key(key, JSON_SUFFIX), patience_seconds)
        seconds = time.perf_counter() - started
        answer = json.loads(result)
        if answer.get("status") != "predicted":
            raise Wrong(f"{answer.get('status')}: {answer.get('code')}")
        if wrong := disagreements(answer, card):
            raise Wrong("; ".join(wrong))
        with errors_in_words("The heatmap"):
            heatmap = self._read(answer["heatmap"]["key"]) if answer.get("heatmap") else None
        if heatmap is None or not heatmap.startswith(_PNG):
            raise Wrong("the result has no heatmap")
        probabilities["bucket"] = answer["pneumonia"]
        return f"{_in_words(answer)}, heatmap, in {seconds:.1f} s"

    def tidy(self, key: str) -> str:
        """Remove the image in all versions, and its result."""
        with errors_in_words("Removing the image and its result"):
            for suffix in (JSON_SUFFIX, HEATMAP_SUFFIX):
                self.s3.delete_object(Bucket=self.results, Key=result_key(key, suffix))
            found = self.s3.list_object_versions(Bucket=self.uploads, Prefix=key)
            for version in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
                self.s3.delete_object(Bucket=self.uploads, Key=key, VersionId=version["VersionId"])
        return "image and result removed"

    def _wait(self, key: str, patience_seconds: float) -> bytes:
        deadline = time.monotonic() + patience_seconds
        while True:
            with errors_in_words("The results bucket"):
                found = self._read(key)
            if found is not None:
                return found
            if time.monotonic() > deadline:
                raise Wrong(f"no result after {patience_seconds:g} s; the upload may be in the dead-letter queue")
            time.sleep(_LOOK_EVERY_SECONDS)

    def _read(self, key: str) -> bytes | None:
        try:
            with self.s3.get_object(Bucket=self.results, Key=key)["Body"] as body:
                return body.read()
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                return None
            raise


def _table(stack: str, checks: Sequence[Check]) -> Table:
    passed = sum(check.passed for check in checks)
    table = Table(title=f"{stack}: {passed} of {len(checks)} passed", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("")
    table.add_column("Check", no_wrap=True)
    table.add_column("Found", overflow="fold")
    for check in checks:
        mark = Text("ok", style="green") if check.passed else Text("FAILED", style="bold red")
        table.add_row(mark, check.name, printable(check.found))
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make smoke", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--stack", required=True, metavar="NAME", help="name of the CloudFormation stack")
    parser.add_argument(
        "--card",
        type=Path,
        default=MODEL_DIR,
        metavar="FOLDER",
        help="folder with the card of the model that the stack should serve (default: that of this repository)",
    )
    parser.add_argument(
        "--film",
        type=Path,
        default=Path("samples", "pneumonia-1.png"),
        metavar="FILE",
        help="the chest X-ray to send (default: samples/pneumonia-1.png)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="how long to wait for the result of the upload (default: 300)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

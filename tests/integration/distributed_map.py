"""Run the state machine of the backfill in moto's interpreter, extended with missing parts of Distributed Map.

moto evaluates the States Language: choices, tasks, retries, catches, inline maps and intrinsics. Its Distributed Map
lacks ItemBatcher, tolerated failures and inventories. It reads only one page of a listing, writes no results, and
cannot invoke functions that are container images. This module adds these parts as the developer guide of Step Functions
describes them. Each child is a separate execution.
"""

import contextlib
import csv
import functools
import gzip
import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import HistoryEventType, MapRunFailedEventDetails, MapRunStatus
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.resource_eval.resource_eval_s3 import (
    ResourceEvalS3,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

ROLE = "arn:aws:iam::123456789012:role/backfill"
CHILD_SUFFIX = "-children-of-"

Document = dict[str, Any]
Function = Callable[[Document], Any]


class FunctionEnded(Exception):
    """Raised by a simulated function if its process ends. The message is the name of the error that Lambda reports."""


class Throttled(Exception):
    """Raised by a simulated function if Lambda throttles the call."""


@dataclass
class Ran:
    """An execution that has ended."""

    status: str
    output: Any
    error: str | None
    map_run: Document | None


@dataclass
class StepFunctions:
    """A state machine. `waits`: seconds that retries would have waited. `invoked`: all payloads of the function."""

    client: Any
    s3: Any
    arn: str
    maps: dict[str, Document]
    function: Function
    waits: list[float] = field(default_factory=list)
    invoked: list[Document] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, name: str, given: Document) -> Ran:
        arn = self.client.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps(given))["executionArn"]
        return self.ended(arn)

    def ended(self, arn: str) -> Ran:
        found = self._wait(arn)
        runs = self.client.list_map_runs(executionArn=arn)["mapRuns"]
        map_run = self.client.describe_map_run(mapRunArn=runs[0]["mapRunArn"]) if runs else None
        output = json.loads(found["output"]) if "output" in found else None
        return Ran(found["status"], output, found.get("error"), map_run)

    def _wait(self, arn: str) -> Document:
        while True:
            found: Document = self.client.describe_execution(executionArn=arn)
            if found["status"] != "RUNNING":
                return found
            time.sleep(0.01)

    def invoke(self, parameters: Document, region: str, state_credentials: Any) -> Document:
        payload = json.loads(parameters["Payload"])
        with self._lock:
            self.invoked.append(payload)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return {"StatusCode": 200, "Payload": json.loads(json.dumps(self.function(payload)))}
        except Throttled:
            error: Any = {"Error": {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}}
            error["ResponseMetadata"] = {"HTTPStatusCode": 429, "RequestId": "none"}
            raise ClientError(error, "Invoke") from None
        except FunctionEnded as error:
            return {"FunctionError": "Unhandled", "Payload": {"errorType": str(error), "errorMessage": "RequestId: x"}}
        except Exception as error:
            failure = {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}
            return {"FunctionError": "Unhandled", "Payload": failure}
        finally:
            with self._lock:
                self._now -= 1

    def distributed(self, env: Any) -> None:
        """Replace DistributedIterationComponent._eval_body of moto."""
        asked = env.stack.pop()
        record, spec = asked.map_run_record, self.maps[asked.label]
        asked.item_reader.parargs.eval(env=env)
        where = env.stack.pop()
        spec["writer"].parargs.eval(env=env)
        written = env.stack.pop()
        batch_input = {
            key.removesuffix(".$"): _path(env.states.get_input(), value) if key.endswith(".$") else value
            for key, value in spec["batcher"]["BatchInput"].items()
        }
        try:
            items = inventory(self.s3, where) if spec["manifest"] else listing(self.s3, where)
        except ClientError:
            record.set_stop(status=MapRunStatus.FAILED)
            raise _failure(env, StatesErrorNameType.StatesItemReaderFailed) from None
        size = spec["batcher"]["MaxItemsPerBatch"]
        batches = [items[start : start + size] for start in range(0, len(items), size)]
        inputs = [{"BatchInput": batch_input, "Items": batch} for batch in batches]
        record.item_counter.total.count(len(items))
        record.execution_counter.total.count(len(batches))
        children = self._children(spec, inputs, record, len(items), asked.tolerated_failure_percentage)
        self._write(written, record.map_run_arn, children)
        env.stack.append([])
        if any(status == "PENDING" for status, _ in children):
            record.set_stop(status=MapRunStatus.FAILED)
            raise _failure(env, StatesErrorNameType.StatesExceedToleratedFailureThreshold)
        record.set_stop(status=MapRunStatus.SUCCEEDED)

    def _children(
        self, spec: Document, inputs: Sequence[Document], record: Any, total: int, tolerated: float
    ) -> list[tuple[str, Document]]:
        failed = 0

        def child(number: int) -> tuple[str, Document]:
            nonlocal failed
            given = inputs[number]
            with self._lock:
                if failed > total * tolerated / 100:
                    return "PENDING", {"Input": json.dumps(given)}
            name = f"{record.map_run_arn.rpartition(':')[2][:8]}-{number}"
            arn = self.client.start_execution(stateMachineArn=spec["child"], name=name, input=json.dumps(given))
            found = self._wait(arn["executionArn"])
            count = len(given["Items"])
            if found["status"] == "SUCCEEDED":
                record.item_counter.succeeded.count(count)
                record.execution_counter.succeeded.count()
                return "SUCCEEDED", json.loads(found["output"])
            with self._lock:
                failed += count
            record.item_counter.failed.count(count)
            record.execution_counter.failed.count()
            return "FAILED", {"Input": json.dumps(given), "Error": found["error"], "Cause": found["cause"]}

        with ThreadPoolExecutor(record.max_concurrency) as pool:
            children = list(pool.map(child, range(len(inputs))))
        # After too many failures, Step Functions leaves the waiting children PENDING. If none is waiting here, add an
        # empty one, so that the results contain a PENDING child.
        if failed > total * tolerated / 100 and all(status != "PENDING" for status, _ in children):
            children.append(("PENDING", {"Input": json.dumps({"Items": []})}))
        return children

    def _write(self, where: Document, map_run_arn: str, children: Sequence[tuple[str, Document]]) -> None:
        folder = f"{where['Prefix']}/{map_run_arn.rpartition(':')[2]}"
        files: dict[str, list[Document]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
        for status in files:
            lines = [json.dumps(line) for found, line in children if found == status]
            if lines:
                body = "\n".join(lines).encode()
                key = f"{folder}/{status}_0.json"
                self.s3.put_object(Bucket=where["Bucket"], Key=key, Body=body)
                files[status].append({"Key": key, "Size": len(body)})
        manifest = {"DestinationBucket": where["Bucket"], "MapRunArn": map_run_arn, "ResultFiles": files}
        self.s3.put_object(Bucket=where["Bucket"], Key=f"{folder}/manifest.json", Body=json.dumps(manifest).encode())


def listing(s3: Any, where: Document) -> list[Document]:
    """Return the items that s3:listObjectsV2 gives a map: from all pages, with times in seconds since 1970."""
    pages = s3.get_paginator("list_objects_v2").paginate(**where, PaginationConfig={"PageSize": 7})
    return [
        {
            "Etag": entry["ETag"],
            "Key": entry["Key"],
            "LastModified": int(entry["LastModified"].timestamp()),
            "Size": entry["Size"],
            "StorageClass": entry.get("StorageClass", "STANDARD"),
        }
        for page in pages
        for entry in page.get("Contents", [])
    ]


def inventory(s3: Any, where: Document) -> list[Document]:
    """Return the rows that an S3 inventory gives a map, with column names from the manifest and values as text."""
    manifest = json.loads(s3.get_object(**where)["Body"].read())
    assert manifest["fileFormat"] == "CSV"
    bucket = manifest["destinationBucket"].rpartition(":")[2]
    columns = [name.strip() for name in manifest["fileSchema"].split(",")]
    rows = []
    for file in manifest["files"]:
        text = gzip.decompress(s3.get_object(Bucket=bucket, Key=file["key"])["Body"].read()).decode()
        rows += [dict(zip(columns, row, strict=True)) for row in csv.reader(io.StringIO(text))]
    return rows


@contextlib.contextmanager
def step_functions(
    client: Any, s3: Any, definition: Document, substitutions: dict[str, str], function: Function
) -> Iterator[StepFunctions]:
    """Create the state machine within `mock_aws(config={"stepfunctions": {"execute_state_machine": True}})`."""
    text = json.dumps(definition)
    for name, value in substitutions.items():
        text = text.replace(f"${{{name}}}", value)
    whole = json.loads(text)
    maps: dict[str, Document] = {}
    for name, state in whole["States"].items():
        if state["Type"] == "Map":
            reader = state["ItemReader"]
            config = reader.pop("ReaderConfig", {})
            assert config.get("InputType", "MANIFEST") == "MANIFEST"
            assert state["ResultWriter"].pop("WriterConfig") == {"OutputType": "JSONL", "Transformation": "COMPACT"}
            # moto's grammar accepts this number only with a decimal point.
            state["ToleratedFailurePercentage"] = float(state["ToleratedFailurePercentage"])
            processor = {key: value for key, value in state["ItemProcessor"].items() if key != "ProcessorConfig"}
            child = create(client, f"backfill{CHILD_SUFFIX}{name}", processor)
            maps[state["Label"]] = {"batcher": state.pop("ItemBatcher"), "manifest": bool(config), "child": child}
    machine = StepFunctions(client, s3, create(client, "backfill", whole), maps, function)
    evaluate = StateMap._eval_execution

    def remember_writer(state: Any, env: Any) -> None:
        if state.result_writer is not None:
            maps[state.label.label]["writer"] = state.result_writer
        evaluate(state, env)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExecutionWorker, "start", functools.partialmethod(_start, ExecutionWorker.start))
        patch.setattr(StateMap, "_eval_execution", remember_writer)
        # moto would parse the definition for every child again. Reuse the parsed form, which holds no state.
        patch.setattr(AmazonStateLanguageParser, "parse", staticmethod(_parse_once))
        patch.setattr(DistributedIterationComponent, "_eval_body", lambda _state, env: machine.distributed(env))
        patch.setattr(ResourceEvalS3, "_handle_put_object", staticmethod(_written))
        patch.setattr(lambda_eval_utils, "_invoke_lambda_function", machine.invoke)
        patch.setattr(retrier_decl, "time", SimpleNamespace(sleep=machine.waits.append))
        yield machine


def _start(worker: Any, start: Callable[[Any], None]) -> None:
    """Start an execution that has its environment, as `list_map_runs` and `describe_map_run` require.

    moto's thread creates the environment later, after it has parsed the definition.
    """
    environment = worker.env = worker._get_evaluation_environment()
    worker._get_evaluation_environment = lambda: environment
    start(worker)


_parse_once = functools.cache(AmazonStateLanguageParser.parse)


def create(client: Any, name: str, definition: Document) -> str:
    made = client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    return str(made["stateMachineArn"])


def _written(env: Any, resource_runtime_part: Any, state_credentials: Any) -> None:
    parameters = env.stack.pop()
    env.stack.pop()
    env.stack.append({"ResultWriterDetails": parameters})


def _path(document: Any, path: str) -> Any:
    for name in path.removeprefix("$").strip(".").split("."):
        document = document[name] if name else document
    return document


def _failure(env: Any, kind: StatesErrorNameType) -> FailureEventException:
    name = StatesErrorName(typ=kind)
    failed = MapRunFailedEventDetails(error=name.error_name, cause="played")
    details: Any = {"mapRunFailedEventDetails": failed}  # the type requires the details of all kinds of events
    event = FailureEvent(
        env=env,
        error_name=name,
        event_type=HistoryEventType.MapRunFailed,
        event_details=details,
    )
    return FailureEventException(failure_event=event)

"""At-least-once delivery gives exactly one result.

Uploads of one key are delivered in any order, any number of times and at the same time. Workers die between any two
calls to S3, responses are lost, and messages go to the dead-letter queue and are redriven.

The code of the product stores the results. Each delivery runs in a thread that stops before each call to S3 until the
machine continues it. So Hypothesis decides how deliveries interleave, and can reproduce a failure.
"""

import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from PIL import Image

from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.events import Upload
from pneumonia.uploads.process import store
from pneumonia.uploads.results import Order, Results, WriteOutcome

KEY, JSON, HEATMAP = "image.png", "image.png.json", "image.png.heatmap.png"
TIME = datetime(2026, 1, 1, tzinfo=UTC)
MAX_RECEIVES = 5
MOST_AT_ONCE = 3


def heatmap(image: str) -> bytes:
    """Return a heatmap that is the same for the same image."""
    stream = io.BytesIO()
    Image.new("L", (4, 4), ord(image)).save(stream, "PNG")
    return stream.getvalue()


class Killed(BaseException):
    """The process of a worker has ended."""


@dataclass
class Stored:
    etag: str
    metadata: dict[str, str]
    body: bytes


class Bucket:
    """A bucket with the conditional writes of S3. As in S3, an ETag depends only on the content."""

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self.history: list[str] = []
        """Sequencers of all JSON documents that were written."""

    def put(self, request: dict[str, Any]) -> dict[str, str]:
        stored = self.objects.get(request["Key"])
        wanted = request.get("IfMatch")
        if stored.etag != wanted if stored else wanted is not None:
            raise ClientError({"Error": {"Code": "PreconditionFailed" if stored else "NoSuchKey"}}, "PutObject")
        etag = f'"{hash(request["Body"])}"'
        self.objects[request["Key"]] = Stored(etag, dict(request["Metadata"]), request["Body"])
        if request["Key"] == JSON:
            self.history.append(json.loads(request["Body"])["source"]["sequencer"])
        return {"ETag": etag}

    def head(self, request: dict[str, Any]) -> dict[str, Any]:
        stored = self.objects.get(request["Key"])
        if stored is None:
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")
        return {"ETag": stored.etag, "Metadata": dict(stored.metadata)}


class Delivery:
    """One worker with one message, stopped before each of its calls. It works until `done`."""

    def __init__(self, version: int, bucket: Bucket, work: Callable[[Results], WriteOutcome]) -> None:
        self.version = version
        self.done = self.succeeded = False
        self.error: Exception | None = None
        self._bucket = bucket
        self._work = work
        self._dies = self._loses_answer = False
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._run, daemon=True).start()
        self._stopped.acquire()

    def step(self) -> None:
        """Carry out one call."""
        self._go.release()
        self._stopped.acquire()

    def die(self) -> None:
        """End the worker before the next call."""
        self._dies = True
        self.step()

    def lose_answer(self) -> None:
        """Carry out the next call, but report a failure to the worker."""
        self._loses_answer = True
        self.step()

    def put_object(self, **request: Any) -> Any:
        return self._call(self._bucket.put, request)

    def head_object(self, **request: Any) -> Any:
        return self._call(self._bucket.head, request)

    def _call(self, carry_out: Callable[[dict[str, Any]], Any], request: dict[str, Any]) -> Any:
        self._stopped.release()
        self._go.acquire()
        if self._dies:
            raise Killed
        answer = carry_out(request)
        if self._loses_answer:
            raise ClientError({"Error": {"Code": "InternalError"}}, "Lost")
        return answer

    def _run(self) -> None:
        try:
            self._work(Results(cast(Any, self), "results"))
            self.succeeded = True
        except ClientError:
            pass
        except Exception as error:
            self.error = error
        except Killed:
            pass
        finally:
            self.done = True
            self._stopped.release()


@dataclass
class Message:
    version: int
    receives: int = 0


class OneKey(RuleBasedStateMachine):
    """Every version of the key, its events, and the workers that process them."""

    def __init__(self) -> None:
        super().__init__()
        self.bucket = Bucket()
        self.images: list[str | None] = []
        """By version: the image; None if it is rejected or was removed."""
        self.ever: list[set[str | None]] = []
        """By version: all valid contents of its result. There are two if it was removed during processing."""
        self.queue: list[Message] = []
        self.dead: list[Message] = []
        self.at_work: list[tuple[Message, Delivery]] = []

    @rule(image=st.sampled_from(["a", "b", None]))
    def upload(self, image: str | None) -> None:
        self.images.append(image)
        self.ever.append({image})
        self.queue.append(Message(len(self.images) - 1))

    @precondition(lambda self: self.images)
    @rule(data=st.data())
    def tell_again(self, data: st.DataObject) -> None:
        self.queue.append(Message(data.draw(st.integers(0, len(self.images) - 1))))

    @precondition(lambda self: self.images)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        version = data.draw(st.integers(0, len(self.images) - 1))
        self.images[version] = None
        self.ever[version].add(None)

    @precondition(lambda self: self.queue and len(self.at_work) < MOST_AT_ONCE)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        self._deliver(self.queue.pop(data.draw(st.integers(0, len(self.queue) - 1))))

    @precondition(lambda self: self.at_work)
    @rule(data=st.data(), how=st.sampled_from(["step", "step", "step", "finish", "die", "lose_answer"]))
    def go_on(self, data: st.DataObject, how: str) -> None:
        self._go_on(*data.draw(st.sampled_from(self.at_work)), how)

    @precondition(lambda self: self.dead)
    @rule()
    def redrive(self) -> None:
        self.queue += [Message(message.version) for message in self.dead]
        self.dead = []

    @invariant()
    def no_result_is_written_twice_and_none_replaces_a_newer_one(self) -> None:
        assert self.bucket.history == sorted(set(self.bucket.history))

    @invariant()
    def a_heatmap_that_is_named_is_there(self) -> None:
        stored = self.bucket.objects.get(JSON)
        if stored is not None and json.loads(stored.body)["heatmap"]:
            assert HEATMAP in self.bucket.objects

    @invariant()
    def what_is_done_is_kept(self) -> None:
        if not self.at_work and not self.queue and not self.dead and self.images:
            self._check_result(len(self.images) - 1)

    def teardown(self) -> None:
        """After all deliveries have succeeded, the newest upload has its result."""
        while self.at_work or self.queue or self.dead:
            if self.dead:
                self.redrive()
            while self.queue:
                self._deliver(self.queue.pop())
            while self.at_work:
                self._go_on(*self.at_work[0], "finish")
            self.no_result_is_written_twice_and_none_replaces_a_newer_one()
        if self.images:
            self._check_result(len(self.images) - 1)

    def _deliver(self, message: Message) -> None:
        message.receives += 1
        image = self.images[message.version]
        version = message.version
        upload = Upload("uploads", KEY, f"v{version}", "etag", f"{version:016X}", TIME, None)
        document = ResultDocument.predicted(upload, "id", {"image": image})
        png = None if image is None else heatmap(image)
        delivery = Delivery(version, self.bucket, lambda results: store(results, upload, document, png))
        self.at_work.append((message, delivery))

    def _go_on(self, message: Message, delivery: Delivery, how: str) -> None:
        if how == "finish":
            while not delivery.done:
                delivery.step()
        else:
            getattr(delivery, how)()
        if not delivery.done:
            return
        assert delivery.error is None
        self.at_work.remove((message, delivery))
        if not delivery.succeeded:
            (self.dead if message.receives >= MAX_RECEIVES else self.queue).append(message)

    def _check_result(self, newest: int) -> None:
        stored = self.bucket.objects[JSON]
        document = json.loads(stored.body)
        assert document["source"]["sequencer"] == f"{newest:016X}"
        assert document["image"] in self.ever[newest]
        if document["heatmap"] is None:
            assert document["image"] is None
            return
        heatmap = self.bucket.objects[HEATMAP]
        assert Order.from_metadata(heatmap.metadata) == Order.from_metadata(stored.metadata)
        with Image.open(io.BytesIO(heatmap.body)) as image:
            assert image.getpixel((0, 0)) == ord(document["image"])


def test_an_image_uploaded_again_after_another_one_keeps_its_heatmap() -> None:
    """The third upload is the first image again.

    A worker has checked the heatmap of the first upload and writes later. It must notice that the third upload has
    replaced that heatmap, although both look the same.
    """
    machine = OneKey()
    for image in ("a", "b", "a"):
        machine.upload(image)
    first, second, third = machine.queue
    machine.queue = []
    machine._deliver(first)
    machine._go_on(*machine.at_work[0], "finish")
    machine._deliver(second)
    waiting = machine.at_work[0]
    for _ in range(3):  # it checks the JSON, tries to create the heatmap, and checks the heatmap
        machine._go_on(*waiting, "step")
    machine._deliver(third)
    machine._go_on(*machine.at_work[1], "finish")
    machine._go_on(*waiting, "finish")
    machine.teardown()


OneKey.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestOneKey = pytest.mark.slow(OneKey.TestCase)

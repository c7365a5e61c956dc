"""At least once in, exactly one result out: uploads of one key, delivered in any order, any number of times and side by
side, with workers that die between any two calls of S3, answers that are lost, dead letters and redrives.

What stores a result is the code of the product. Each delivery runs in a thread that stops before each call of S3 until
the machine lets it go on, so that hypothesis decides how deliveries interleave, and finds the same again.
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

KEY, JSON, HEATMAP = "film.png", "film.png.json", "film.png.heatmap.png"
TIME = datetime(2026, 1, 1, tzinfo=UTC)
MAX_RECEIVES = 5
MOST_AT_ONCE = 3


def heatmap(film: str) -> bytes:
    """The same for the same film."""
    stream = io.BytesIO()
    Image.new("L", (4, 4), ord(film)).save(stream, "PNG")
    return stream.getvalue()


class Killed(BaseException):
    """The process of a worker is gone."""


@dataclass
class Stored:
    etag: str
    metadata: dict[str, str]
    body: bytes


class Bucket:
    """Conditional writes as S3 answers them; as there, an ETag is of the content and of nothing else."""

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self.history: list[str] = []
        """Sequencers of all JSON ever written."""

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
    """One worker at one message, stopped before each of its calls. It is at work until `done`."""

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
        """Let one call happen."""
        self._go.release()
        self._stopped.acquire()

    def die(self) -> None:
        """Before the next call."""
        self._dies = True
        self.step()

    def lose_answer(self) -> None:
        """The next call is carried out, and fails all the same."""
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
    """Every version of the key, its events, and the workers at them."""

    def __init__(self) -> None:
        super().__init__()
        self.bucket = Bucket()
        self.films: list[str | None] = []
        """By version: the film, or None for what is refused or gone."""
        self.ever: list[set[str | None]] = []
        """By version: all that its results may rightly say, since it was removed while being worked on."""
        self.queue: list[Message] = []
        self.dead: list[Message] = []
        self.at_work: list[tuple[Message, Delivery]] = []

    @rule(film=st.sampled_from(["a", "b", None]))
    def upload(self, film: str | None) -> None:
        self.films.append(film)
        self.ever.append({film})
        self.queue.append(Message(len(self.films) - 1))

    @precondition(lambda self: self.films)
    @rule(data=st.data())
    def tell_again(self, data: st.DataObject) -> None:
        self.queue.append(Message(data.draw(st.integers(0, len(self.films) - 1))))

    @precondition(lambda self: self.films)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        version = data.draw(st.integers(0, len(self.films) - 1))
        self.films[version] = None
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
        if not self.at_work and not self.queue and not self.dead and self.films:
            self._check_result(len(self.films) - 1)

    def teardown(self) -> None:
        """Once all is well, whatever came before, the newest upload has its result."""
        while self.at_work or self.queue or self.dead:
            if self.dead:
                self.redrive()
            while self.queue:
                self._deliver(self.queue.pop())
            while self.at_work:
                self._go_on(*self.at_work[0], "finish")
            self.no_result_is_written_twice_and_none_replaces_a_newer_one()
        if self.films:
            self._check_result(len(self.films) - 1)

    def _deliver(self, message: Message) -> None:
        message.receives += 1
        film = self.films[message.version]
        version = message.version
        upload = Upload("uploads", KEY, f"v{version}", "etag", f"{version:016X}", TIME, None)
        document = ResultDocument.predicted(upload, "id", {"film": film})
        png = None if film is None else heatmap(film)
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
        assert document["film"] in self.ever[newest]
        if document["heatmap"] is None:
            assert document["film"] is None
            return
        beside = self.bucket.objects[HEATMAP]
        assert Order.from_metadata(beside.metadata) == Order.from_metadata(stored.metadata)
        with Image.open(io.BytesIO(beside.body)) as image:
            assert image.getpixel((0, 0)) == ord(document["film"])


def test_a_film_uploaded_again_after_another_one_keeps_its_heatmap() -> None:
    """The third upload is the first film once more. A worker that looked before it wrote, and writes now, must notice
    that the heatmap it saw is another one by now, although it shows the same."""
    machine = OneKey()
    for film in ("a", "b", "a"):
        machine.upload(film)
    first, second, third = machine.queue
    machine.queue = []
    machine._deliver(first)
    machine._go_on(*machine.at_work[0], "finish")
    machine._deliver(second)
    waiting = machine.at_work[0]
    for _ in range(3):  # its look at the JSON, its write where nothing may be, its look at the heatmap
        machine._go_on(*waiting, "step")
    machine._deliver(third)
    machine._go_on(*machine.at_work[1], "finish")
    machine._go_on(*waiting, "finish")
    machine.teardown()


OneKey.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestOneKey = pytest.mark.slow(OneKey.TestCase)

"""Fixtures for all tests: a tiny model with its card, images, recorded AWS events, a Lambda context."""

import base64
import contextlib
import copy
import functools
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import numpy as np
import onnx
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.loaders import JSONFileLoader
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

# Powertools keeps one logger per service name and reads the name at import. As on Lambda, all modules share one logger.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "pneumonia-local")

with contextlib.suppress(ImportError):  # .venv-train has no Hypothesis, but its tests also load this file
    import hypothesis

    # The profile has the same examples in every run. It has no time limit, because other work slows the machine.
    hypothesis.settings.load_profile("ci")

from pneumonia import aws
from pneumonia.declaration import declared, variable_of
from pneumonia.http import auth
from pneumonia.model.card import POSES, Card
from pneumonia.predictor import Predictor, process_predictor
from pneumonia.settings import Settings, default_model_dir, process_settings
from pneumonia_cli.local.unlisted import functions_may_list

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EVENTS = Path(__file__).parent / "events"
UPLOADS, RESULTS = "pneumonia-uploads-123456789012", "results"  # the recorded events name this upload bucket
REGION: Final = "eu-central-1"
GRID = 4  # cells on each side of the tiny model's activation map
GAIN = 8.0  # the tiny model's logit for a white image; a black image has -GAIN
GOLDEN_GREY = 191


@dataclass(frozen=True)
class TinyMember:
    """One tiny graph: logit = gain * mean(x / 127.5 - 1). The activation map has the same formula for each cell."""

    size: int = 32
    gain: float = GAIN
    weight: float = 1.0
    gate: bool = False


GATE = {"distance_threshold": 0.3, "population_threshold": -0.4, "poses": list(POSES)}
"""Limits of the tiny gate. A chest X-ray has a mean near grey 64, and its top is its brightest side. It belongs to the
training population if its mean is below grey 77."""


def add_tiny_gate(graph: onnx.GraphProto) -> None:
    """Add outputs for distance (of the mean from grey 64), population (the mean) and pose (the brightest side)."""
    sides = np.zeros((GRID, GRID, len(POSES)), dtype=np.float32)
    sides[0, :, 0] = sides[:, 0, 1] = sides[-1, :, 2] = sides[:, -1, 3] = 1 / GRID
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.float32(0.5).reshape(()), "film"),
            numpy_helper.from_array(np.array([-1, GRID * GRID], dtype=np.int64), "row"),
            numpy_helper.from_array(sides.reshape(-1, len(POSES)), "sides"),
            # The tiny gate's pose is never "inverted". Its distance refuses inverted images.
            numpy_helper.from_array(np.array([0.01, 0, 0, 0, -9], dtype=np.float32), "prefer_upright"),
        ]
    )
    graph.node.extend(
        [
            helper.make_node("ReduceMean", ["scaled"], ["gate_population"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Add", ["gate_population", "film"], ["off"]),
            helper.make_node("Abs", ["off"], ["gate_distance"]),
            helper.make_node("Reshape", ["cells", "row"], ["by_cell"]),
            helper.make_node("MatMul", ["by_cell", "sides"], ["by_side"]),
            helper.make_node("Add", ["by_side", "prefer_upright"], ["gate_pose"]),
        ]
    )
    for name, shape in (("gate_population", ["N"]), ("gate_distance", ["N"]), ("gate_pose", ["N", len(POSES)])):
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def tiny_graph(member: TinyMember) -> onnx.ModelProto:
    size, cell = member.size, member.size // GRID

    def constant(name: str, value: float) -> onnx.TensorProto:
        return helper.make_tensor(name, TensorProto.FLOAT, [], [value])

    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "half"], ["unit"]),
        helper.make_node("Sub", ["unit", "one"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["cells"], kernel_shape=[cell, cell], strides=[cell, cell]),
        helper.make_node("Mul", ["cells", "gain"], ["evidence"]),
        helper.make_node("ReduceMean", ["evidence"], ["logit"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("ReduceMean", ["evidence"], ["activation_map"], axes=[1], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", size, size, 1])],
        [
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N"]),
            helper.make_tensor_value_info("activation_map", TensorProto.FLOAT, ["N", GRID, GRID]),
        ],
        [constant("half", 127.5), constant("one", 1.0), constant("gain", member.gain)],
    )
    if member.gate:
        add_tiny_gate(graph)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write_artifacts(directory: Path, members: Sequence[TinyMember]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    entries = []
    for index, member in enumerate(members):
        data = tiny_graph(member).SerializeToString()
        (directory / f"tiny-{index}.onnx").write_bytes(data)
        entries.append(
            {
                "file": f"tiny-{index}.onnx",
                "sha256": hashlib.sha256(data).hexdigest(),
                "input": {"height": member.size, "width": member.size, "channels": 1, "dtype": "uint8"},
                "weight": member.weight,
            }
        )
    Image.new("L", (48, 48), GOLDEN_GREY).save(directory / "golden.png")
    (directory / "MODEL_CARD.md").write_text("# Model card: tiny-grey\n", encoding="utf-8")
    total = sum(member.weight for member in members)
    golden_logit = sum(m.weight * m.gain for m in members) / total * (GOLDEN_GREY / 127.5 - 1)
    document = {
        "schema_version": 2,
        "name": "tiny-grey",
        "version": "0.0.1",
        "created": "2026-11-22",
        "labels": ["normal", "pneumonia"],
        "members": entries,
        "scaling": "x / 127.5 - 1, inside the graph",
        "preprocessing": {"resample": "bilinear", "aspect_ratio": "squash", "range": "as_decoded"},
        "calibration": {"method": "platt", "slope": 1.0, "intercept": 0.0},
        "operating_points": {
            "rule_out": {"threshold": 0.1},
            "balanced": {"threshold": 0.4},
            "rule_in": {"threshold": 0.9},
        },
        "heatmap": {"full_scale": GAIN / 2},
        "gate": GATE if members[0].gate else None,
        "golden": {"file": "golden.png", "logit": golden_logit, "tolerance": 0.01},
        "intended_use": "tests",
        "limits": ["knows grey only"],
        "notice": "Research use only: triage support, never a diagnosis.",
        "training": {},
        "metrics": {},
    }
    (directory / "card.json").write_text(json.dumps(document), encoding="utf-8")
    return directory


MakeArtifacts = Callable[..., Path]


@pytest.fixture
def make_artifacts(tmp_path: Path) -> MakeArtifacts:
    """Write a tiny model with these members into a new folder: make_artifacts(dict(size=32, gain=8.0, weight=1))."""
    count = iter(range(1000))

    def make(*members: dict[str, Any]) -> Path:
        chosen = [TinyMember(**member) for member in members] or [TinyMember()]
        return write_artifacts(tmp_path / f"artifacts-{next(count)}", chosen)

    return make


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny model, shared by all tests. Tests that change its files must use `make_artifacts`."""
    return write_artifacts(tmp_path_factory.mktemp("artifacts"), [TinyMember()])


@pytest.fixture(scope="session")
def real_artifacts() -> Path:
    """The shipped artifacts."""
    return default_model_dir()


@pytest.fixture(scope="session")
def card(artifacts: Path) -> Card:
    return Card.load(artifacts)


@pytest.fixture(scope="session")
def predictor(artifacts: Path) -> Predictor:
    return Predictor.load(Settings(model_dir=artifacts))


@pytest.fixture(autouse=True, scope="session")
def service_models_read_once() -> Iterator[None]:
    """Let all boto3 sessions share the parsed models of AWS services. Each session would read these large files again.

    botocore shares them among the clients of one session in the same way.
    """
    read = functools.cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _loader, path: read(path))
        yield


@pytest.fixture(autouse=True)
def clean_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Isolate each test from the settings of the developer's shell and from caches of other tests."""
    for name in (
        "MODEL_DIR", "RESULTS_BUCKET", "UPLOADS_BUCKET", "UPLOAD_ORIGIN", "AUTH_SECRET_ID", "STACK_NAME",
        *map(variable_of, declared(Settings).values()),
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    clients = (aws.s3, aws.s3_for_callers, aws.s3_for_presigning, aws.events, aws.secrets, aws.codedeploy)
    cached = (process_settings, process_predictor, auth.token_store, *clients)
    for function in cached:
        function.cache_clear()
    yield
    for client in clients:
        if client.cache_info().currsize:
            client().close()  # otherwise its connections stay open during later tests
    for function in cached:
        function.cache_clear()


@pytest.fixture
def tiny_service(artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the handlers at the tiny model."""
    monkeypatch.setenv("MODEL_DIR", str(artifacts))


ImageBytes = Callable[..., bytes]
MakeFilms = Callable[..., Path]


def plain_image(grey: int, size: tuple[int, int]) -> Image.Image:
    """Return an image of one grey with a black and a white edge. Without the edges it would be refused as blank."""
    image, edge = Image.new("L", size, grey), -(-size[0] // 20)
    image.paste(0, (0, 0, edge, size[1]))
    image.paste(255, (size[0] - edge, 0, *size))
    return image


@pytest.fixture(scope="session")
def image_bytes() -> ImageBytes:
    """Encode `plain_image` of a grey, or any given image: image_bytes(grey=200, kind="PNG")."""

    def encode(
        grey: int = 200,
        size: tuple[int, int] = (96, 72),
        kind: str = "PNG",
        image: Image.Image | None = None,
        **options: Any,
    ) -> bytes:
        stream = io.BytesIO()
        (image or plain_image(grey, size)).save(stream, kind, **options)
        return stream.getvalue()

    return encode


@pytest.fixture
def make_films(tmp_path: Path, image_bytes: ImageBytes) -> MakeFilms:
    """Create a folder of files: images of one grey, or given bytes: make_films({"a/b.png": 200, "c.png": b"x"})."""

    def make(files: dict[str, int | bytes], folder: str = "films") -> Path:
        root = tmp_path / folder
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else image_bytes(content))
        return root

    return make


@pytest.fixture(scope="session")
def gradient() -> Image.Image:
    """A 64 x 48 image, dark on the left, bright on the right."""
    return Image.fromarray(np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1)))


LoadEvent = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def load_event() -> LoadEvent:
    """Return a new copy of a recorded AWS event: load_event("function_url_iam")."""
    cache: dict[str, dict[str, Any]] = {}

    def load(name: str) -> dict[str, Any]:
        if name not in cache:
            cache[name] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
        return copy.deepcopy(cache[name])

    return load


HttpEvent = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def http_event(load_event: LoadEvent) -> HttpEvent:
    """Return a Function URL event as Lambda builds it, with bytes in base64 and text unchanged."""

    def build(
        method: str = "POST",
        path: str = "/predict",
        body: bytes | str | None = None,
        content_type: str | None = None,
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        event = load_event("function_url_none")
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        event["requestContext"]["http"]["method"] = method
        event["rawQueryString"] = query
        event.pop("queryStringParameters", None)
        if query:
            event["queryStringParameters"] = dict(part.partition("=")[::2] for part in query.split("&"))
        event["headers"].pop("content-type", None)
        if content_type is not None:
            event["headers"]["content-type"] = content_type
        event["headers"] |= headers or {}
        event.pop("body", None)
        event["isBase64Encoded"] = isinstance(body, bytes)
        if body is not None:
            event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
        return event

    return build


class FakeContext(LambdaContext):
    """The attributes of a Lambda context that Powertools and the handlers read."""

    _aws_request_id = "6f0c2f5e-3d0b-4d4c-9d59-0f3c8b4f7a11"
    _function_name = "pneumonia-test"
    _memory_limit_in_mb = 1769
    _invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:pneumonia-test"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 30_000


@pytest.fixture(scope="session")
def lambda_context() -> FakeContext:
    return FakeContext()


@pytest.fixture
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set fake credentials and a region, so that no test can reach a real account."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    # Simulate the permissions of the functions: no role may list the results.
    with functions_may_list(UPLOADS):
        yield


def make_bucket(s3: "S3Client", name: str, *, versioned: bool = False) -> None:
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


@pytest.fixture
def s3(aws_credentials: None) -> "Iterator[S3Client]":
    """A client of moto's S3 with the two buckets of a stack: UPLOADS, which keeps versions, and RESULTS."""
    from moto import mock_aws  # moto is not installed in .venv-train, but its tests also load this file

    with mock_aws(), functions_may_list(UPLOADS):  # enter again, because moto replaced the session
        client = boto3.Session().client("s3")  # a separate session: the owner of the buckets has all permissions
        make_bucket(client, UPLOADS, versioned=True)
        make_bucket(client, RESULTS)
        yield client
        client.close()


def stored_result(s3: "S3Client", key: str) -> dict[str, Any]:
    """Return the result document of the upload under this key."""
    with s3.get_object(Bucket=RESULTS, Key=f"{key}.json")["Body"] as body:
        document: dict[str, Any] = json.loads(body.read())
    return document

"""The content of the image, as the user of Lambda sees it."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.container.conftest import ROOT, docker

pytestmark = pytest.mark.container

InImage = Callable[[str], Any]


def locked() -> dict[str, str]:
    """Return the versions in the lock file of the image by normalised name, for the packages that Linux needs."""
    text = (ROOT / "lambda_src" / "requirements.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)( ; [^\\]+)?", text, re.MULTILINE)
    return {name: version for name, version, marker in pins if "win32" not in marker}


def test_holds_the_locked_packages_and_no_others(in_image: InImage) -> None:
    installed = in_image("""
import importlib.metadata, json, re
print(json.dumps({
    re.sub("[-_.]+", "-", d.metadata["Name"]).lower(): d.version
    for d in importlib.metadata.distributions(path=["/var/task"])
}))""")
    assert installed == locked()


def test_runs_as_another_user_and_cannot_write(in_image: InImage) -> None:
    found = in_image("""
import json, os
def can_write(folder):
    try:
        open(os.path.join(folder, "probe"), "w").close()
    except OSError:
        return False
    return True
print(json.dumps({"uid": os.getuid(), "task": can_write("/var/task"), "tmp": can_write("/tmp")}))""")
    assert found == {"uid": 993, "task": False, "tmp": True}


def test_every_file_can_be_read_and_every_module_is_compiled(in_image: InImage) -> None:
    found = in_image("""
import importlib.util, json, os
unreadable, stale = [], []
for folder, _, names in os.walk("/var/task"):
    for name in names:
        path = os.path.join(folder, name)
        if not os.access(path, os.R_OK):
            unreadable.append(path)
        elif name.endswith(".py"):
            compiled = importlib.util.cache_from_source(path)
            # Bytes 4 to 8 of byte code: 1 means "by hash, and the source is not looked at".
            if not os.path.exists(compiled) or open(compiled, "rb").read(8)[4:] != b"\\1\\0\\0\\0":
                stale.append(path)
print(json.dumps({"unreadable": unreadable, "stale": stale}))""")
    assert found == {"unreadable": [], "stale": []}


def test_holds_nothing_of_the_build_and_only_the_allowed_files(in_image: InImage) -> None:
    found = in_image("""
import json, os
print(json.dumps({
    "caches": [p for p in ("/root/.cache/pip", "/tmp/requirements.txt", "/opt/app") if os.path.exists(p)],
    "task": sorted(os.listdir("/var/task")),
    "model": sorted(os.listdir("/var/task/model_artifacts")),
}))""")
    assert found["caches"] == []
    shipped = {
        "MODEL_CARD.md",
        "card.json",
        "golden.png",
        *(
            f"{path.stem}.prepared.{kind}"
            for path in (ROOT / "model_artifacts").glob("*.onnx")
            for kind in ("onnx", "weights")
        ),
    }
    assert set(found["model"]) == shipped
    assert {"tests", "training", "pneumonia_cli", "tools", "infra", "samples", "app.py", "Makefile"}.isdisjoint(
        found["task"]
    )


def test_both_handlers_can_be_imported(in_image: InImage) -> None:
    found = in_image("""
import json
import pneumonia.handlers.api, pneumonia.handlers.worker
print(json.dumps([callable(pneumonia.handlers.api.handler), callable(pneumonia.handlers.worker.handler)]))""")
    assert found == [True, True]


def test_predicts_without_any_network(in_image: InImage) -> None:
    """A prediction needs no network: `in_image` runs without one."""
    found = in_image("""
import base64, json, os, types
os.environ |= {"AUTH_MODE": "none", "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
from pneumonia.handlers.api import handler
image = open("/var/task/model_artifacts/golden.png", "rb").read()
context = types.SimpleNamespace(aws_request_id="id", function_name="f", memory_limit_in_mb=1769,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:f")
answer = handler({"image": base64.b64encode(image).decode()}, context)
print(json.dumps({"pneumonia": answer.get("pneumonia"), "interfaces": os.listdir("/sys/class/net")}))""")
    assert 0 <= found["pneumonia"] <= 1
    assert found["interfaces"] == ["lo"]


def test_says_what_it_is(image: str) -> None:
    label = docker("inspect", '--format={{index .Config.Labels "org.opencontainers.image.description"}}', image)
    assert "never a diagnosis" in label


def test_the_removed_files_are_not_needed(in_image: InImage) -> None:
    found = in_image("""
import json
import boto3, onnxruntime
import libjpeg, openjpeg.utils, rle
import numpy as np
import pneumonia.decode.dicom
import pneumonia.handlers.backfill, pneumonia.handlers.release_check
from PIL import Image
from pneumonia.decode.formats import FORMATS
from pneumonia.predictor import process_predictor
Image.init()
pixels = np.arange(64 * 64, dtype="u2").reshape(64, 64)
packed = openjpeg.utils.encode_array(pixels)
golden = open("/var/task/model_artifacts/golden.png", "rb").read()
heatmap = process_predictor().predict(golden, request_id="id", heatmap=True).heatmap_png
for service in ("codedeploy", "events", "lambda", "s3", "secretsmanager", "sts"):
    boto3.client(service, region_name="eu-central-1")
print(json.dumps({
    "plugins": sorted({kind.plugin for kind in FORMATS if kind.plugin} - set(Image.OPEN)),
    "providers": onnxruntime.get_available_providers(),
    "heatmap": heatmap[:4].hex(),
    "jpeg2000": bool((openjpeg.utils.decode(packed) == pixels).all()),
}))""")
    assert found["plugins"] == []
    assert "CPUExecutionProvider" in found["providers"]
    assert bytes.fromhex(found["heatmap"]) == b"\x89PNG"
    assert found["jpeg2000"]

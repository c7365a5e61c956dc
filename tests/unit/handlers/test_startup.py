"""What the handlers do at import, tested in a separate process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

SOURCE = Path(__file__).parents[3] / "lambda_src"


def run_python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"PYTHONPATH": str(SOURCE), "AWS_DEFAULT_REGION": "eu-central-1", **env}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=120
    )


def test_api_imports_nothing_heavy_that_it_does_not_need() -> None:
    code = "import json, sys, pneumonia.handlers.api; print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(run_python(code).stdout))
    assert "pneumonia.predictor" in loaded
    assert not loaded & {
        "boto3",
        "pydantic",
        "requests",
        "urllib3",
        "aws_xray_sdk",
        "asyncio",
        "ssl",
        "http.client",
        "email",
    }
    # Other routes load their modules with their first request.
    assert not loaded & {
        f"pneumonia.http.{name}" for name in ("documents", "pages", "results", "service", "stow", "uploads")
    }
    assert not {name for name in loaded if name.startswith("aws_lambda_powertools.event_handler")}


def test_a_prediction_imports_no_aws_library_and_no_other_formats(artifacts: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.jpg"
    Image.linear_gradient("L").save(image)
    code = (
        "import base64, json, pathlib, sys\n"
        "from pneumonia.handlers.api import handler\n"
        "class Context:\n"
        "    aws_request_id = function_name = invoked_function_arn = 'x'\n"
        "    memory_limit_in_mb = 1\n"
        "def ask(method, path, body=b''):\n"
        "    http = {'method': method, 'path': path}\n"
        "    event = {'rawPath': path, 'headers': {}, 'isBase64Encoded': True,\n"
        "             'body': base64.b64encode(body).decode(),\n"
        "             'requestContext': {'http': http, 'stage': '$default'}}\n"
        "    return handler(event, Context())['statusCode']\n"
        f"image = pathlib.Path({str(image)!r}).read_bytes()\n"
        "statuses = [ask('POST', '/predict', image), ask('GET', '/config'), ask('GET', '/')]\n"
        "print(json.dumps([statuses, sorted(sys.modules)]))"
    )
    done = run_python(code, MODEL_DIR=str(artifacts), AUTH_MODE="none", POWERTOOLS_LOG_LEVEL="CRITICAL")
    statuses, loaded = json.loads(done.stdout)
    assert statuses == [200, 200, 200]
    absent = {"boto3", "botocore.client", "urllib3", "requests", "pydantic", "PIL.ImageFont", "isal"}
    absent |= {"PIL.GifImagePlugin", "PIL.PngImagePlugin", "PIL.TiffImagePlugin"}
    assert not set(loaded) & absent
    assert not {
        name for name in loaded if name.startswith(("pydicom", "libjpeg", "openjpeg"))
    }  # loaded with the first DICOM file


def test_handlers_work_where_pydantic_is_not_installed() -> None:
    # As in the container image, which contains Powertools without its extras.
    run_python(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'pydantic':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import pneumonia.handlers.api, pneumonia.handlers.worker\n"
    )


@pytest.mark.parametrize("module", ["api", "worker", "backfill"])
def test_model_is_loaded_in_the_init_phase_of_lambda(module: str, artifacts: Path) -> None:
    code = (
        f"import pneumonia.handlers.{module}\n"
        "from pneumonia.predictor import process_predictor\n"
        "print(process_predictor.cache_info().currsize)"
    )
    env = {"MODEL_DIR": str(artifacts)}
    assert run_python(code, **env, AWS_LAMBDA_RUNTIME_API="127.0.0.1:9001").stdout.split()[-1] == "1"
    assert run_python(code, **env).stdout.split()[-1] == "0"


def test_missing_model_does_not_break_the_import_and_is_logged(tmp_path: Path) -> None:
    env = {"MODEL_DIR": str(tmp_path), "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}
    done = run_python("import pneumonia.handlers.api", **env)
    entry = json.loads(done.stdout)
    assert (entry["level"], entry["error_code"]) == ("ERROR", "model_error")
    assert str(tmp_path) in entry["error_detail"]


@pytest.mark.parametrize(("module", "event"), [("api", {"image": "eA=="}), ("worker", {"image": "eA=="})])
def test_a_model_that_does_not_match_its_card_is_logged_at_start_and_not_used(
    module: str, event: dict[str, str], make_artifacts: Callable[..., Path]
) -> None:
    folder = make_artifacts()
    model = folder / "tiny-0.onnx"
    model.write_bytes(model.read_bytes() + b"\n")
    code = (
        f"from pneumonia.handlers.{module} import handler\n"
        "class Context:\n"
        "    aws_request_id = function_name = invoked_function_arn = 'x'\n"
        "    memory_limit_in_mb = 1\n"
        "try:\n"
        f"    answer = handler({event!r}, Context())\n"
        "except Exception as error:\n"
        "    answer = {'code': error.code}\n"
        "print(answer['code'], 'pneumonia' in answer)"
    )
    env = {"MODEL_DIR": str(folder), "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}
    log = run_python(code, **env).stdout.splitlines()
    at_start = json.loads(log[0])
    assert (at_start["level"], at_start["error_code"]) == ("ERROR", "model_error")
    assert "tiny-0.onnx has sha256" in at_start["error_detail"]
    assert log[-1] == "model_error False"

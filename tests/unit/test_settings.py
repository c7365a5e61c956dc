import contextlib
from dataclasses import Field, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pneumonia.declaration import FUNCTIONS, declared, variable_of
from pneumonia.settings import FunctionSettings, Settings, SettingsError, default_model_dir, process_settings

_BOMB_PIXELS = int(Image.MAX_IMAGE_PIXELS or 0)  # Pillow's own guard must accept every size that the setting allows


# For every setting, at least one of these values is allowed and is not its default.
OTHERS = (True, 3, 90, 20_000, 5_000_000, "token", "images", "a.example.org")


def test_defaults() -> None:
    assert Settings.from_env({}) == Settings(model_dir=default_model_dir())


@pytest.mark.parametrize("item", declared(FunctionSettings).values(), ids=lambda item: str(item.name))
def test_a_setting_passes_through_the_environment(item: Field[Any]) -> None:
    for other in OTHERS:
        with contextlib.suppress(ValueError):
            value = item.metadata["kind"].read(other)
            if value != item.default:
                break
    else:
        raise AssertionError(f"OTHERS has no value that '{item.name}' allows and that is not its default. Add one.")
    needed = {"AUTH_SECRET_ID": "a-secret"}
    chosen = replace(FunctionSettings(), **{item.name: value})
    assert getattr(Settings.from_env(chosen.environment() | needed), item.name) == value
    for function in FUNCTIONS:
        given = variable_of(item) in chosen.environment(function)
        assert given is (function in item.metadata["functions"])


def test_every_variable_is_read() -> None:
    settings = Settings.from_env(
        {
            "MODEL_DIR": "/opt/model",
            "MAX_IMAGE_BYTES": "1000",
            "MAX_IMAGE_PIXELS": "20000",
            "MAX_DECODED_BYTES": "3000000",
            "MAX_FRAMES": "2",
            "MAX_DICOM_ELEMENTS": "500",
            "MAX_DICOM_NESTING": "3",
            "MIN_IMAGE_SIDE": "40",
            "DECODE_SECONDS": "7",
            "ALLOWED_URL_HOSTS": "images.example.org, pacs.example.org ,",
            "URL_TIMEOUT_SECONDS": "2",
            "RESULTS_BUCKET": "results",
            "INTRA_OP_THREADS": "2",
            "UPLOADS_BUCKET": "uploads",
            "UPLOAD_ORIGIN": "https://uploads.example.org",
            "UPLOAD_EXPIRES_SECONDS": "60",
            "AUTH_MODE": "token",
            "AUTH_SECRET_ID": "a-secret",
            "STACK_NAME": "Pneumonia",
            "EVENT_BUS": "default",
            "EVENT_UIDS": "true",
        }
    )
    assert settings == Settings(
        model_dir=Path("/opt/model"),
        max_image_bytes=1000,
        max_image_pixels=20_000,
        max_decoded_bytes=3_000_000,
        max_frames=2,
        max_dicom_elements=500,
        max_dicom_nesting=3,
        min_image_side=40,
        decode_seconds=7,
        allowed_url_hosts=("images.example.org", "pacs.example.org"),
        url_timeout_seconds=2,
        results_bucket="results",
        intra_op_threads=2,
        uploads_bucket="uploads",
        upload_origin="https://uploads.example.org",
        upload_link_seconds=60,
        auth="token",
        auth_secret_id="a-secret",
        stack_name="Pneumonia",
        event_bus="default",
        event_uids=True,
    )


def test_empty_means_default() -> None:
    names = (
        "MODEL_DIR", "MAX_IMAGE_BYTES", "ALLOWED_URL_HOSTS", "URL_TIMEOUT_SECONDS", "RESULTS_BUCKET",
        "UPLOADS_BUCKET", "UPLOAD_ORIGIN", "UPLOAD_EXPIRES_SECONDS", "AUTH_MODE", "AUTH_SECRET_ID",
    )  # fmt: skip
    assert Settings.from_env(dict.fromkeys(names, "")) == Settings.from_env({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_IMAGE_BYTES", "many"),
        ("MAX_IMAGE_BYTES", "0"),
        ("MAX_IMAGE_PIXELS", str(_BOMB_PIXELS + 1)),
        ("DECODE_SECONDS", "61"),
        ("DECODE_SECONDS", "2.5"),
        ("INTRA_OP_THREADS", "7"),
        ("EVENT_BUS", "two words"),
        ("ALLOWED_URL_HOSTS", "Images.example.org"),
        ("URL_TIMEOUT_SECONDS", "soon"),
        ("URL_TIMEOUT_SECONDS", "0"),
        ("URL_TIMEOUT_SECONDS", "nan"),
        ("URL_TIMEOUT_SECONDS", "61"),
        ("INTRA_OP_THREADS", "-1"),
        ("ALLOWED_URL_HOSTS", "https://images.example.org"),
        ("ALLOWED_URL_HOSTS", "*.example.org"),
        ("ALLOWED_URL_HOSTS", "images.example.org:8443"),
        ("ALLOWED_URL_HOSTS", "10.0.0.1"),
        ("ALLOWED_URL_HOSTS", "localhost"),
        ("UPLOAD_EXPIRES_SECONDS", "59"),
        ("UPLOAD_EXPIRES_SECONDS", "3601"),
        ("UPLOAD_ORIGIN", "uploads.example.org"),
        ("UPLOAD_ORIGIN", "https://uploads.example.org/"),
        ("UPLOAD_ORIGIN", "https://uploads.example.org; script-src *"),
        ("AUTH_MODE", "open"),
        ("AUTH_MODE", "None"),
    ],
)
def test_bad_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} "):
        Settings.from_env({name: value})


def test_token_mode_requires_a_secret() -> None:
    with pytest.raises(SettingsError, match="AUTH_SECRET_ID"):
        Settings.from_env({"AUTH_MODE": "token"})


@pytest.mark.parametrize(("uploads", "results"), [("", ""), ("uploads", ""), ("", "results")])
def test_uploads_require_both_buckets(uploads: str, results: str) -> None:
    assert not Settings.from_env({"UPLOADS_BUCKET": uploads, "RESULTS_BUCKET": results}).takes_uploads
    assert Settings.from_env({"UPLOADS_BUCKET": "uploads", "RESULTS_BUCKET": "results"}).takes_uploads


def test_process_settings_are_read_once_and_a_failure_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_IMAGE_BYTES", "many")
    with pytest.raises(SettingsError):
        process_settings()
    monkeypatch.setenv("MAX_IMAGE_BYTES", "7000")
    assert process_settings().max_image_bytes == 7000
    monkeypatch.setenv("MAX_IMAGE_BYTES", "8000")
    assert process_settings().max_image_bytes == 7000

import json
from pathlib import Path

import pytest

from infra.settings import Settings, SettingsError
from pneumonia.settings import Settings as HandlerSettings
from pneumonia_cli.local.access import SECRET_ID
from pneumonia_cli.local.cloud import RESULT_BUCKET, UPLOAD_BUCKET
from pneumonia_cli.local.settings import CDK_JSON, export_settings, stack_settings


def test_settings_are_those_of_the_stack(settings: Settings) -> None:
    context = json.loads(CDK_JSON.read_text(encoding="utf-8"))["context"]
    assert settings.batch_size == context["batch_size"]
    assert settings.max_image_bytes == context["max_image_bytes"]


def test_a_bad_setting_is_told(tmp_path: Path) -> None:
    document = json.loads(CDK_JSON.read_text(encoding="utf-8"))
    document["context"]["batch_size"] = 0
    path = tmp_path / "cdk.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SettingsError, match="batch_size"):
        stack_settings(path)


def test_handlers_read_what_is_exported(settings: Settings) -> None:
    env: dict[str, str] = {}
    export_settings(settings, env)
    read = HandlerSettings.from_env(env)
    assert read.max_image_bytes == settings.max_image_bytes
    assert read.max_image_pixels == settings.max_image_pixels
    assert read.allowed_url_hosts == frozenset(settings.allowed_url_hosts)
    assert read.url_timeout_seconds == settings.url_timeout_seconds
    assert read.intra_op_threads == settings.intra_op_threads
    assert read.results_bucket == RESULT_BUCKET
    assert read.uploads_bucket == UPLOAD_BUCKET
    assert read.upload_expires_seconds == settings.upload_link_seconds
    assert read.auth_mode == "none"


def test_a_token_is_asked_for_when_told(settings: Settings) -> None:
    env: dict[str, str] = {}
    export_settings(settings, env, auth="token")
    read = HandlerSettings.from_env(env)
    assert (read.auth_mode, read.auth_secret_id) == ("token", SECRET_ID)


def test_the_user_may_try_a_setting_but_not_another_bucket(settings: Settings) -> None:
    env = {"MAX_IMAGE_BYTES": "1234", "RESULTS_BUCKET": "a-bucket-of-mine", "UPLOADS_BUCKET": "another"}
    export_settings(settings, env)
    assert env["MAX_IMAGE_BYTES"] == "1234"
    assert (env["UPLOADS_BUCKET"], env["RESULTS_BUCKET"]) == (UPLOAD_BUCKET, RESULT_BUCKET)

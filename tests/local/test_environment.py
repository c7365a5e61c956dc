import dataclasses

from pneumonia.settings import Settings
from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.names import RESULT_BUCKET, TOKEN_SECRET, UPLOAD_BUCKET
from pneumonia_cli.stack.settings import StackSettings


def test_handlers_read_what_the_stack_is_set_to(settings: StackSettings) -> None:
    env: dict[str, str] = {}
    export_settings(dataclasses.replace(settings, max_frames=3, upload_link_seconds=90), env)
    read = Settings.from_env(env)
    assert (read.max_frames, read.upload_link_seconds) == (3, 90)
    assert read.limits == dataclasses.replace(settings.limits, max_frames=3)
    assert (read.uploads_bucket, read.results_bucket) == (UPLOAD_BUCKET, RESULT_BUCKET)
    assert read.auth == "none"


def test_no_event_is_sent_to_the_bus_of_the_stack(settings: StackSettings) -> None:
    env: dict[str, str] = {}
    export_settings(dataclasses.replace(settings, event_bus="hospital"), env)
    assert Settings.from_env(env).event_bus == ""


def test_a_token_is_required_if_set(settings: StackSettings) -> None:
    env: dict[str, str] = {}
    export_settings(settings, env, auth="token")
    read = Settings.from_env(env)
    assert (read.auth, read.auth_secret_id) == ("token", TOKEN_SECRET)


def test_the_user_may_try_a_setting_but_not_another_bucket(settings: StackSettings) -> None:
    env = {"MAX_IMAGE_BYTES": "1234", "RESULTS_BUCKET": "a-bucket-of-mine", "UPLOADS_BUCKET": "another"}
    export_settings(settings, env)
    assert env["MAX_IMAGE_BYTES"] == "1234"
    assert (env["UPLOADS_BUCKET"], env["RESULTS_BUCKET"]) == (UPLOAD_BUCKET, RESULT_BUCKET)

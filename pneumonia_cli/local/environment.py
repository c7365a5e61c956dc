"""Environment variables of the handlers on this machine, as the stack sets them for its functions."""

from collections.abc import MutableMapping

from pneumonia_cli.bundled import MODEL_DIR
from pneumonia_cli.local.names import RESULT_BUCKET, TOKEN_SECRET, UPLOAD_BUCKET
from pneumonia_cli.stack.context import default_settings
from pneumonia_cli.stack.settings import StackSettings


def export_settings(settings: StackSettings, env: MutableMapping[str, str], auth: str = "none") -> None:
    """Set the environment variables that the stack sets for the handlers.

    Variables of the user take precedence, so that a setting can be tried without editing cdk.json. `auth` is none or
    token, since nothing on this machine checks signatures. Call this before the handlers read their settings, which
    they do only once. For uploads, call it inside `local_cloud`, which sets the address of uploads.
    """
    env.setdefault("EVENT_BUS", "")  # the local cloud has no event bus, even if the settings name one
    for name, value in {**settings.environment(), "MODEL_DIR": str(MODEL_DIR)}.items():
        env.setdefault(name, value)
    # These replace the user's variables, since the local cloud has only these buckets and this secret.
    env["UPLOADS_BUCKET"] = UPLOAD_BUCKET
    env["RESULTS_BUCKET"] = RESULT_BUCKET
    env["AUTH_MODE"] = auth
    env["AUTH_SECRET_ID"] = TOKEN_SECRET


def export_defaults(env: MutableMapping[str, str]) -> None:
    """Set the variables of a stack with the defaults of cdk.json. Raises ContextError."""
    export_settings(default_settings(), env)

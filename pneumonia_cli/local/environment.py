"""The environment variables of the handlers on this machine: those that the stack would give its functions."""

from collections.abc import MutableMapping

from pneumonia_cli.bundled import MODEL_DIR
from pneumonia_cli.local.names import RESULT_BUCKET, TOKEN_SECRET, UPLOAD_BUCKET
from pneumonia_cli.stack.context import default_settings
from pneumonia_cli.stack.settings import StackSettings


def export_settings(settings: StackSettings, env: MutableMapping[str, str], auth: str = "none") -> None:
    """Give the handlers the environment variables that the stack gives them.

    Variables that the user has set win, so that a setting can be tried without touching cdk.json. `auth` is
    none or token: there is nobody here who could check signatures. Call it before the handlers first read
    their settings, which they keep; where uploads are wanted, inside of `local_cloud`, which tells its address.
    """
    env.setdefault("EVENT_BUS", "")  # the local cloud has no bus, whatever the settings name
    for name, value in {**settings.environment(), "MODEL_DIR": str(MODEL_DIR)}.items():
        env.setdefault(name, value)
    # Always: the local cloud has no others.
    env["UPLOADS_BUCKET"] = UPLOAD_BUCKET
    env["RESULTS_BUCKET"] = RESULT_BUCKET
    env["AUTH_MODE"] = auth
    env["AUTH_SECRET_ID"] = TOKEN_SECRET


def export_defaults(env: MutableMapping[str, str]) -> None:
    """Give the handlers the variables of a stack with the defaults of cdk.json. Raises ContextError."""
    export_settings(default_settings(), env)

"""The settings of the functions, declared here and in :mod:`pneumonia.decode.limits`, and read from the environment.

To add a setting, declare it, add its default to cdk.json, read it, and run `make settings-table`.
"""

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from pneumonia.declaration import FUNCTIONS, choice, declared, flag, hosts, integer, setting, text, text_of, variable_of
from pneumonia.decode.limits import Limits
from pneumonia.errors import PneumoniaError

MAX_RECEIVES: Final = 5
"""Number of times that a message is tried before it goes to the dead-letter queue, also in the local cloud.

AWS recommends at least five with Lambda, because throttled deliveries count as well."""

AUTH_MODES = ("iam", "token", "none")

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")


class SettingsError(PneumoniaError):
    """The value of an environment variable is invalid. The message names the variable."""

    code = "settings_error"
    title = "The service is misconfigured"
    public_detail = "The service is misconfigured. Give the request_id to the operator of the service."


@dataclass(frozen=True, kw_only=True)
class FunctionSettings(Limits):
    """The settings that a deployment chooses and its functions read, including the limits of decoding.

    The settings of the stack and of a running function both inherit from this class, so bounds, defaults and variables
    are the same everywhere.
    """

    intra_op_threads: int = setting(
        integer(1, 6), "threads of one inference; no more than the vCPUs that `memory_mb` provides", default=1
    )
    # The function also checks requests, so that the service stays closed if someone opens the Function URL by hand.
    auth: str = setting(
        choice(*AUTH_MODES),
        "`iam`: signed requests; `token`: a bearer token from Secrets Manager; `none`: anyone who knows the URL, with "
        "a warning at synthesis ([access.md](access.md))",
        default="iam",
        variable="AUTH_MODE",
        functions=("api",),
    )
    allowed_url_hosts: tuple[str, ...] = setting(
        hosts(),
        'hosts from which `{"url": …}` may fetch images, separated by commas; empty turns this off',
        default=(),
        functions=("api",),
    )
    url_timeout_seconds: int = setting(
        integer(1, 60), "time limit for fetching a URL; below `api_timeout_seconds`", default=5, functions=("api",)
    )
    upload_link_seconds: int = setting(
        integer(60, 3_600),
        "how long a presigned upload stays valid, in seconds; an upload must start within this time",
        default=600,
        variable="UPLOAD_EXPIRES_SECONDS",
        functions=("api",),
    )
    feedback: bool = setting(
        flag(),
        "whether readers may record if they agree with a result; stored next to it ([access.md](access.md#feedback))",
        default=False,
        functions=("api",),
    )
    event_bus: str = setting(
        text(r"|[A-Za-z0-9._/-]{1,256}", "the name of an event bus such as default, or an empty text"),
        "EventBridge bus in this account and region that receives an event for each finished prediction, such as "
        "`default`; empty turns this off ([events.md](events.md))",
        default="",
        functions=("worker",),
    )
    event_uids: bool = setting(
        flag(),
        "whether these events contain the Study and SOP Instance UID of a DICOM image, unchanged; an archive can find "
        "the patient by them ([security.md](security.md#uids))",
        default=False,
        functions=("worker",),
    )

    @property
    def limits(self) -> Limits:
        """Return the limits on the work for one image."""
        return Limits(**{item.name: getattr(self, item.name) for item in fields(Limits)})

    def environment(self, *functions: str) -> dict[str, str]:
        """Return the variables that pass these settings to the named functions, or to all if none is named.

        Empty texts and flags that are off need no variable.
        """
        wanted = set(functions or FUNCTIONS)
        items = [item for item in declared(FunctionSettings).values() if wanted & set(item.metadata["functions"])]
        values = {variable_of(item): getattr(self, item.name) for item in items}
        return {name: text_of(value) for name, value in values.items() if value != "" and value is not False}


@dataclass(frozen=True, kw_only=True)
class Settings(FunctionSettings):
    """The settings of a running function: those of the deployment, and the locations of its resources.

    Attributes:
        model_dir: folder with the artifacts (MODEL_DIR).
        results_bucket: name of the bucket for results (RESULTS_BUCKET).
        uploads_bucket: name of the bucket for uploads (UPLOADS_BUCKET).
        upload_origin: origin of presigned uploads, as https://host (UPLOAD_ORIGIN).
        auth_secret_id: the token's secret in Secrets Manager (AUTH_SECRET_ID); required if `auth` is token.
        stack_name: stack name in the metrics (STACK_NAME); without it no metrics are written.
    """

    model_dir: Path
    results_bucket: str | None = None
    uploads_bucket: str | None = None
    upload_origin: str | None = None
    auth_secret_id: str | None = None
    stack_name: str | None = None

    @property
    def takes_uploads(self) -> bool:
        """Return whether POST /uploads has buckets for uploads and for results."""
        return self.uploads_bucket is not None and self.results_bucket is not None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read all variables. An unset or empty variable means the default.

        Raises SettingsError, which names the variable and its allowed values.
        """
        chosen = _chosen(env)
        return cls(
            **chosen,
            model_dir=Path(env["MODEL_DIR"]) if env.get("MODEL_DIR") else default_model_dir(),
            results_bucket=env.get("RESULTS_BUCKET") or None,
            uploads_bucket=env.get("UPLOADS_BUCKET") or None,
            upload_origin=_origin(env),
            auth_secret_id=_auth_secret_id(env, chosen.get("auth")),
            stack_name=env.get("STACK_NAME") or None,
        )


@functools.cache
def process_settings() -> Settings:
    """Return the settings of this process, read once. After a failure the next call reads them again."""
    return Settings.from_env(os.environ)


def default_model_dir() -> Path:
    """Return `model_artifacts` next to the package (as in the container image) or at the root of the repository."""
    package = Path(__file__).resolve().parent
    beside = package.parent / "model_artifacts"
    return beside if beside.is_dir() else package.parent.parent / "model_artifacts"


def _chosen(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the declared settings whose variables are set, by name."""
    values: dict[str, Any] = {}
    for name, item in declared(FunctionSettings).items():
        variable, kind = variable_of(item), item.metadata["kind"]
        raw = env.get(variable)
        if not raw:
            continue
        try:
            values[name] = kind.read(raw)
        except ValueError:
            raise SettingsError(f"{variable} is {raw!r}, but must be {kind.allowed}.") from None
    return values


def _auth_secret_id(env: Mapping[str, str], auth: str | None) -> str | None:
    secret_id = env.get("AUTH_SECRET_ID") or None
    if auth == "token" and secret_id is None:
        raise SettingsError("AUTH_SECRET_ID must name the secret of the token when AUTH_MODE is token.")
    return secret_id


def _origin(env: Mapping[str, str]) -> str | None:
    origin = env.get("UPLOAD_ORIGIN") or None
    # The origin becomes part of a Content-Security-Policy, where a space or a semicolon would add to the policy.
    if origin is not None and not _ORIGIN.fullmatch(origin):
        raise SettingsError(f"UPLOAD_ORIGIN must be of the form https://host or http://host:port, not {origin!r}.")
    return origin

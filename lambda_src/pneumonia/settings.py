"""The settings that the stack passes as environment variables, checked once."""

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pneumonia.decode.limits import Limits
from pneumonia.errors import PneumoniaError

PIXEL_CEILING = 89_478_485
"""Where Pillow's own guard against decompression bombs starts (a quarter GiB of 24-bit pixels)."""

AUTH_MODES = ("iam", "token", "none")

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")


class SettingsError(PneumoniaError):
    """An environment variable holds a value that cannot be used; the message names the variable."""

    code = "settings_error"
    title = "The service is misconfigured"
    public_detail = "The service is misconfigured. Give the request_id to whoever operates the service."


@dataclass(frozen=True)
class Settings:
    """Settings of both functions. Sizes are in bytes and pixels, times in seconds."""

    model_dir: Path
    max_image_bytes: int = 20_000_000
    max_image_pixels: int = 50_000_000
    max_decoded_bytes: int = Limits.max_decoded_bytes
    max_frames: int = Limits.max_frames
    max_dicom_elements: int = Limits.max_dicom_elements
    max_dicom_nesting: int = Limits.max_dicom_nesting
    min_image_side: int = 64
    decode_seconds: float = Limits.seconds
    allowed_url_hosts: frozenset[str] = frozenset()
    url_timeout_seconds: float = 5.0
    results_bucket: str | None = None
    intra_op_threads: int = 1
    uploads_bucket: str | None = None
    upload_origin: str | None = None
    upload_expires_seconds: int = 600
    auth_mode: str = "iam"
    auth_secret_id: str | None = None
    stack_name: str | None = None
    event_bus: str | None = None

    @property
    def limits(self) -> Limits:
        """What one image may cost."""
        return Limits(
            self.max_image_bytes,
            self.max_image_pixels,
            self.max_decoded_bytes,
            self.max_frames,
            self.max_dicom_elements,
            self.max_dicom_nesting,
            self.min_image_side,
            self.decode_seconds,
        )

    @property
    def takes_uploads(self) -> bool:
        """Whether POST /uploads has somewhere to put them, and their results."""
        return self.uploads_bucket is not None and self.results_bucket is not None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read MODEL_DIR, MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, MAX_DECODED_BYTES, MAX_FRAMES, MAX_DICOM_ELEMENTS,
        MAX_DICOM_NESTING, MIN_IMAGE_SIDE, DECODE_SECONDS, ALLOWED_URL_HOSTS (commas between hosts),
        URL_TIMEOUT_SECONDS, RESULTS_BUCKET, INTRA_OP_THREADS, UPLOADS_BUCKET, UPLOAD_ORIGIN (where presigned
        uploads go to, as https://host), UPLOAD_EXPIRES_SECONDS, AUTH_MODE (iam, token or none),
        AUTH_SECRET_ID (in Secrets Manager, for token), STACK_NAME (under which metrics are written; none without
        it) and EVENT_BUS (of EventBridge, for events of finished predictions). Unset or empty means the default.

        Raises SettingsError, which names the variable and what it may be.
        """
        return cls(
            model_dir=Path(env["MODEL_DIR"]) if env.get("MODEL_DIR") else default_model_dir(),
            max_image_bytes=_whole(env, "MAX_IMAGE_BYTES", cls.max_image_bytes, 1, 1_000_000_000),
            max_image_pixels=_whole(env, "MAX_IMAGE_PIXELS", cls.max_image_pixels, 1, PIXEL_CEILING),
            max_decoded_bytes=_whole(env, "MAX_DECODED_BYTES", cls.max_decoded_bytes, 1, 2_000_000_000),
            max_frames=_whole(env, "MAX_FRAMES", cls.max_frames, 1, 1_000),
            max_dicom_elements=_whole(env, "MAX_DICOM_ELEMENTS", cls.max_dicom_elements, 100, 1_000_000),
            max_dicom_nesting=_whole(env, "MAX_DICOM_NESTING", cls.max_dicom_nesting, 1, 100),
            min_image_side=_whole(env, "MIN_IMAGE_SIDE", cls.min_image_side, 1, 1_000),
            decode_seconds=_seconds(env, "DECODE_SECONDS", cls.decode_seconds, 300.0),
            allowed_url_hosts=_hosts(env, "ALLOWED_URL_HOSTS"),
            url_timeout_seconds=_seconds(env, "URL_TIMEOUT_SECONDS", cls.url_timeout_seconds, 60.0),
            results_bucket=env.get("RESULTS_BUCKET") or None,
            intra_op_threads=_whole(env, "INTRA_OP_THREADS", cls.intra_op_threads, 1, 64),
            uploads_bucket=env.get("UPLOADS_BUCKET") or None,
            upload_origin=_origin(env, "UPLOAD_ORIGIN"),
            upload_expires_seconds=_whole(env, "UPLOAD_EXPIRES_SECONDS", cls.upload_expires_seconds, 60, 3_600),
            auth_mode=(auth_mode := _auth_mode(env)),
            auth_secret_id=_auth_secret_id(env, auth_mode),
            stack_name=env.get("STACK_NAME") or None,
            event_bus=env.get("EVENT_BUS") or None,
        )


@functools.cache
def process_settings() -> Settings:
    """The settings of this process, read once. A failure is not kept: the next call reads again."""
    return Settings.from_env(os.environ)


def default_model_dir() -> Path:
    """`model_artifacts` beside the package (as in the image) or at the root of the repository."""
    package = Path(__file__).resolve().parent
    beside = package.parent / "model_artifacts"
    return beside if beside.is_dir() else package.parent.parent / "model_artifacts"


def _whole(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name) or str(default)
    try:
        value = int(text)
    except ValueError:
        raise SettingsError(f"{name} must be a whole number, not {text!r}.") from None
    if not low <= value <= high:
        raise SettingsError(f"{name} must be from {low} to {high}, not {value}.")
    return value


def _seconds(env: Mapping[str, str], name: str, default: float, high: float) -> float:
    text = env.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(f"{name} must be a number of seconds, not {text!r}.") from None
    if not 0 < value <= high:  # also refuses nan, which compares false
        raise SettingsError(f"{name} must be above 0 and at most {high:g} seconds, not {text}.")
    return value


def _auth_mode(env: Mapping[str, str]) -> str:
    mode = env.get("AUTH_MODE") or Settings.auth_mode
    if mode not in AUTH_MODES:
        raise SettingsError(f"AUTH_MODE must be one of {', '.join(AUTH_MODES)}, not {mode!r}.")
    return mode


def _auth_secret_id(env: Mapping[str, str], auth_mode: str) -> str | None:
    secret_id = env.get("AUTH_SECRET_ID") or None
    if auth_mode == "token" and secret_id is None:
        raise SettingsError("AUTH_SECRET_ID must name the secret of the token when AUTH_MODE is token.")
    return secret_id


def _origin(env: Mapping[str, str], name: str) -> str | None:
    origin = env.get(name) or None
    # It becomes part of a Content-Security-Policy, where a space or a semicolon would begin something else.
    if origin is not None and not _ORIGIN.fullmatch(origin):
        raise SettingsError(f"{name} must be of the form https://host or http://host:port, not {origin!r}.")
    return origin


def _hosts(env: Mapping[str, str], name: str) -> frozenset[str]:
    hosts = frozenset(part.strip().lower() for part in env.get(name, "").split(",") if part.strip())
    for host in sorted(hosts):
        # An address could never pass as a name later, and a wildcard would be taken literally: say so now.
        if not _HOST.fullmatch(host) or host.rsplit(".", 1)[-1].isdigit():
            raise SettingsError(
                f"{name} must list full host names such as films.example.org, separated by commas "
                f"(no scheme, port, path, wildcard or IP address), not {host!r}."
            )
    return hosts

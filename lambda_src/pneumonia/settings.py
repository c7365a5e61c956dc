"""The settings that the stack passes as environment variables, checked once."""

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pneumonia.errors import PneumoniaError

PIXEL_CEILING = 89_478_485
"""Where Pillow's own guard against decompression bombs starts (a quarter GiB of 24-bit pixels)."""

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
    allowed_url_hosts: frozenset[str] = frozenset()
    url_timeout_seconds: float = 5.0
    results_bucket: str | None = None
    intra_op_threads: int = 1

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read MODEL_DIR, MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, ALLOWED_URL_HOSTS (commas between hosts),
        URL_TIMEOUT_SECONDS, RESULTS_BUCKET and INTRA_OP_THREADS. Unset or empty means the default.

        Raises SettingsError, which names the variable and what it may be.
        """
        return cls(
            model_dir=Path(env["MODEL_DIR"]) if env.get("MODEL_DIR") else default_model_dir(),
            max_image_bytes=_whole(env, "MAX_IMAGE_BYTES", cls.max_image_bytes, 1, 1_000_000_000),
            max_image_pixels=_whole(env, "MAX_IMAGE_PIXELS", cls.max_image_pixels, 1, PIXEL_CEILING),
            allowed_url_hosts=_hosts(env, "ALLOWED_URL_HOSTS"),
            url_timeout_seconds=_seconds(env, "URL_TIMEOUT_SECONDS", cls.url_timeout_seconds, 60.0),
            results_bucket=env.get("RESULTS_BUCKET") or None,
            intra_op_threads=_whole(env, "INTRA_OP_THREADS", cls.intra_op_threads, 1, 64),
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

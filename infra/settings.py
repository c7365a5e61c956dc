"""Every deployment setting, read from the CDK context and validated.

``cdk.json`` holds one default per setting; ``cdk deploy -c memory_mb=3008`` overrides it. What a value may be is said
by its parser (:mod:`infra.parsers`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from infra.parsers import NotAllowedError as _NotAllowedError
from infra.parsers import Parser as _Parser
from infra.parsers import archives as _archives
from infra.parsers import choice as _choice
from infra.parsers import flag as _flag
from infra.parsers import hosts as _hosts
from infra.parsers import integer as _integer
from infra.parsers import log_retention as _log_retention
from infra.parsers import origins as _origins
from infra.parsers import price as _price
from infra.parsers import text as _text

MAX_RECEIVES: Final = 3
"""How often a message is tried before it goes to the dead-letter queue; the local cloud does the same."""

# Keys that belong to the CDK: feature flags and look-ups all carry a colon; the CLI writes these two without.
_CDK_OWN_KEYS = frozenset({"acknowledged-issue-numbers", "cli-telemetry"})

# AWS asks for a visibility timeout of at least six times the function's: a batch that is throttled is retried
# by the poller within that time, and must not be handed to a second worker meanwhile.
_VISIBILITY_FACTOR = 6


class SettingsError(ValueError):
    """A context key is missing, unknown or has a value that is not allowed; the message names the key."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The validated settings; the comment on each says what it changes.

    Build it with :meth:`from_context`. Sizes are bytes or MB as named, times seconds or days as named.
    """

    # Name of the CloudFormation stack.
    stack_name: str = _text(r"[A-Za-z][A-Za-z0-9-]{0,127}", "letters, digits and hyphens, a letter first, at most 128")
    # CPU architecture of both functions; the platform of the image follows it.
    architecture: str = _choice("x86_64", "arm64")
    # Base image of the Dockerfile.
    base_image: str = _text(r"[a-z0-9][\w./:@-]*", "an image reference, for example registry/name:tag")
    # Network of `docker build`; "host" for builders that reach package indexes only through the host.
    docker_build_network: str = _choice("default", "host", "none")
    # Memory of each function; CPU grows with it, 1,769 MB is one vCPU.
    memory_mb: int = _integer(512, 10240)
    # Threads of one inference; more than the vCPUs that memory_mb buys only costs time.
    intra_op_threads: int = _integer(1, 6)
    # Time limits of one invocation.
    api_timeout_seconds: int = _integer(3, 900)
    worker_timeout_seconds: int = _integer(3, 900)
    # Concurrency taken out of the account's pool for one function; null leaves it in the pool. For api it is
    # the brake as well: no flood of requests can run, or cost, more than that many at once.
    api_reserved_concurrency: int | None = _integer(1, 1000, optional=True)
    worker_reserved_concurrency: int | None = _integer(2, 1000, optional=True)
    # Instances of the API that are kept started, at a price by the hour; null for none.
    api_provisioned_concurrency: int | None = _integer(1, 1000, optional=True)
    # How traffic moves to a new version: at once; a tenth of it for ten minutes, then all; or a tenth every three.
    deployment: str = _choice("all_at_once", "canary", "linear")
    # Who may call the Function URL: principals of this account with IAM permission, whoever has the token that
    # the stack generates, or anyone.
    auth: str = _choice("iam", "token", "none")
    # Origins of other sites whose pages may call the API and upload, from a browser; the page of the stack
    # itself needs no entry.
    cors_origins: tuple[str, ...] = _origins()
    # Hosts that {"url": ...} requests may fetch from; empty turns such requests off.
    allowed_url_hosts: tuple[str, ...] = _hosts()
    url_timeout_seconds: int = _integer(1, 60)
    # Largest image accepted, as a file and once decoded; above that many pixels Pillow suspects a bomb.
    max_image_bytes: int = _integer(1_000, 500_000_000)
    max_image_pixels: int = _integer(10_000, 89_478_485)
    # Memory that the pixels of one image may take while it is decoded.
    max_decoded_bytes: int = _integer(1_000_000, 2_000_000_000)
    # Frames or pages of a file, of which the first is read; with 1, files of several are refused.
    max_frames: int = _integer(1, 1_000)
    # Structure of a DICOM file: elements, those in sequences included, and depth of the sequences.
    max_dicom_elements: int = _integer(100, 1_000_000)
    max_dicom_nesting: int = _integer(1, 100)
    # Shorter sides, in pixels, are no film but its thumbnail.
    min_image_side: int = _integer(1, 1_000)
    # Time that decoding one image may take before it is stopped and refused.
    decode_seconds: int = _integer(1, 60)
    # Uploads handed to one worker invocation; ten is the most without a batching window.
    batch_size: int = _integer(1, 10)
    # Most workers at once, so that a bulk drop leaves concurrency for the API; two is the least AWS accepts.
    worker_max_concurrency: int = _integer(2, 1000)
    # Whether there is a state machine that predicts what was in a bucket before. Unused, it costs its alarm.
    backfill: bool = _flag()
    # Buckets or parts of them, beside the upload bucket, that it may read: archives, and where their inventories lie.
    backfill_archives: tuple[str, ...] = _archives()
    # Images for one invocation; each has the time limit of the worker.
    backfill_batch_size: int = _integer(1, 100)
    # Most invocations at once; what they and the worker leave of the account's concurrency is for the API.
    backfill_max_concurrency: int = _integer(1, 1000)
    # Share of images without a prediction for reasons that are not theirs, above which a backfill ends as failed.
    backfill_tolerated_failure_percent: int = _integer(0, 100)
    # For how long a permission that POST /uploads gave out lets an upload begin.
    upload_link_seconds: int = _integer(60, 3600)
    # Days until uploads and results are deleted; null keeps them.
    upload_expiry_days: int | None = _integer(1, 36_500, optional=True)
    result_expiry_days: int | None = _integer(1, 36_500, optional=True)
    # Name of the EventBridge bus, of this account and region, that is told of each finished prediction; empty for none.
    event_bus: str = _text(r"|[A-Za-z0-9._/-]{1,256}", "the name of an event bus such as default, or an empty text")
    # Keep buckets and logs when the stack is destroyed; false deletes them with all they hold.
    retain_data: bool = _flag()
    log_level: str = _choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    log_retention_days: int = _log_retention()
    # For regulated users. Keys of KMS that belong to the account, for whatever is stored.
    customer_keys: bool = _flag()
    # Both functions in a VPC without a way to the internet.
    vpc: bool = _flag()
    # Days for which S3 logs of who read and wrote objects are kept; null for no such logs.
    access_log_days: int | None = _integer(1, 36_500, optional=True)
    # Days for which no version of a result can be deleted or overwritten; null for no lock.
    result_lock_days: int | None = _integer(1, 36_500, optional=True)
    # Whether the functions write metrics of their own, which CloudWatch bills each by the hour in which it has data.
    metrics: bool = _flag()
    # Whether X-Ray records a trace of each invocation.
    tracing: bool = _flag()
    # Whether there is a dashboard, which CloudWatch bills as well.
    dashboard: bool = _flag()
    # Where alarms are mailed to; empty for nobody.
    alarm_email: str = _text(r"|[^@\s,]+@[^@\s,]+\.[^@\s,]+", "an e-mail address, or an empty text for none")
    # How many failed invocations, throttles and HTTP 5xx of one function in five minutes, and how many messages
    # in the dead-letter queue, are too many.
    alarm_errors: int = _integer(1, 1_000_000)
    alarm_throttles: int = _integer(1, 1_000_000)
    alarm_http_5xx: int = _integer(1, 1_000_000)
    alarm_dead_letters: int = _integer(1, 1_000_000)
    # Slowest 1% of API calls and oldest waiting upload that are still fine.
    alarm_api_p99_ms: int = _integer(1, 900_000)
    alarm_queue_age_seconds: int = _integer(1, 1_209_600)
    # Share of images refused in one hour that is too much, in percent, of at least so many images.
    alarm_rejected_percent: int = _integer(1, 100)
    alarm_rejected_min_images: int = _integer(1, 1_000_000)
    # Width of the band in which the mean score is expected, in standard deviations to either side.
    alarm_score_band: int = _integer(1, 100)
    # Concurrency in use, in percent of the limit, that is too near to it. The limit is api_reserved_concurrency
    # where it is set, else account_concurrency: the account's quota, 10 for new ones.
    alarm_concurrency_percent: int = _integer(1, 100)
    account_concurrency: int = _integer(1, 1_000_000)
    # List prices in US dollars, for the estimate on the dashboard and `pneumonia bill`: infra/prices.py says
    # where the defaults come from.
    price_gb_second: float = _price()
    price_provisioned_gb_second: float = _price()
    price_million_requests: float = _price()
    price_million_queue_requests: float = _price()
    price_thousand_puts: float = _price()
    price_thousand_gets: float = _price()
    price_storage_gb_month: float = _price()
    price_log_gb: float = _price()
    price_metric_month: float = _price()
    price_alarm_month: float = _price()
    price_dashboard_month: float = _price()

    @property
    def visibility_timeout_seconds(self) -> int:
        """Seconds for which the upload queue hides a message that a worker holds."""
        return _VISIBILITY_FACTOR * self.worker_timeout_seconds

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Settings:
        """Read and validate all settings from the whole CDK context.

        Args:
            context: every context value of the app, the CDK's own keys among them.

        Raises:
            SettingsError: a key is missing, unknown, not allowed, or contradicts another one.
        """
        known = {setting.name: setting.metadata["parse"] for setting in fields(cls)}
        for key in context:
            if key not in known and ":" not in key and key not in _CDK_OWN_KEYS:
                raise SettingsError(f"Unknown setting '{key}'. Settings are: {', '.join(known)}.")
        values: dict[str, Any] = {}
        for key, parse in known.items():
            if key not in context:
                raise SettingsError(f"Setting '{key}' is missing: put its default back into cdk.json.")
            values[key] = _parse(key, parse, context[key])
        settings = cls(**values)
        settings._check_combinations()
        return settings

    def _check_combinations(self) -> None:
        if self.url_timeout_seconds >= self.api_timeout_seconds:
            raise SettingsError(
                f"Setting 'url_timeout_seconds' is {self.url_timeout_seconds}: it must be below "
                f"'api_timeout_seconds' ({self.api_timeout_seconds}), or the caller never sees the error."
            )
        if self.decode_seconds >= self.api_timeout_seconds:
            raise SettingsError(
                f"Setting 'decode_seconds' is {self.decode_seconds}: it must be below "
                f"'api_timeout_seconds' ({self.api_timeout_seconds}), or the caller never sees the error."
            )
        if self.decode_seconds * self.batch_size >= self.worker_timeout_seconds:
            raise SettingsError(
                f"Setting 'decode_seconds' is {self.decode_seconds}: times 'batch_size' ({self.batch_size}) it must be "
                f"below 'worker_timeout_seconds' ({self.worker_timeout_seconds}), or a batch of slow files is cut off."
            )
        if self.alarm_api_p99_ms > self.api_timeout_seconds * 1000:
            raise SettingsError(
                f"Setting 'alarm_api_p99_ms' is {self.alarm_api_p99_ms}: above 'api_timeout_seconds' "
                f"({self.api_timeout_seconds} s) the alarm could never fire."
            )
        provisioned, limit = self.api_provisioned_concurrency, self.api_reserved_concurrency
        if provisioned is not None and limit is not None and provisioned > limit:
            raise SettingsError(
                f"Setting 'api_provisioned_concurrency' is {provisioned}: it cannot be more than "
                f"'api_reserved_concurrency' ({limit}), which is all that the function may have."
            )
        self._check_regulated()
        self._check_archives()
        reserved = self.worker_reserved_concurrency
        if reserved is not None and reserved < self.worker_max_concurrency:
            raise SettingsError(
                f"Setting 'worker_reserved_concurrency' is {reserved}: it must be at least "
                f"'worker_max_concurrency' ({self.worker_max_concurrency}), or deliveries are throttled "
                "until they end in the dead-letter queue."
            )

    def _check_archives(self) -> None:
        if self.backfill_archives and not self.backfill:
            raise SettingsError(
                "Setting 'backfill_archives' names archives that nothing reads, as 'backfill' is false: set it to true."
            )
        if self.backfill_archives and self.vpc:
            raise SettingsError(
                "Settings 'vpc' and 'backfill_archives' exclude each other: the VPC leads to the buckets of the stack "
                "alone. Leave one of them at its default."
            )

    def _check_regulated(self) -> None:
        if self.vpc and self.allowed_url_hosts:
            raise SettingsError(
                "Settings 'vpc' and 'allowed_url_hosts' exclude each other: from a VPC without a way to the internet "
                'no {"url": …} can be fetched. Leave one of them at its default.'
            )
        lock = self.result_lock_days
        if lock is None:
            return
        if not self.retain_data:
            raise SettingsError(
                f"Setting 'result_lock_days' is {lock} and 'retain_data' is false: locked results cannot be deleted "
                "with the stack. Set 'retain_data' to true, or 'result_lock_days' to null."
            )
        if self.result_expiry_days is not None and self.result_expiry_days < lock:
            raise SettingsError(
                f"Setting 'result_lock_days' is {lock}: it must not be above 'result_expiry_days' "
                f"({self.result_expiry_days}), or results would vanish from sight while they are locked."
            )


def _parse(key: str, parse: _Parser, raw: Any) -> Any:
    try:
        return parse(raw)
    except _NotAllowedError as error:
        raise SettingsError(f"Setting '{key}' is {json.dumps(raw, default=str)}: give {error}.") from None

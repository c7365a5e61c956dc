"""The settings of a deployment, each with its allowed values and its meaning.

Settings that functions read are declared in :mod:`pneumonia.settings`, all others here. To add a setting, declare it,
add its default to ``cdk.json``, use it, and run ``make settings-table``.
"""

from __future__ import annotations

from dataclasses import dataclass

from pneumonia.declaration import choice, flag, integer, setting, text
from pneumonia.settings import MAX_RECEIVES as MAX_RECEIVES
from pneumonia.settings import FunctionSettings
from pneumonia_cli.stack.kinds import archives, log_retention, origins, price

# AWS recommends a visibility timeout of at least six times the timeout of the function. The poller retries a throttled
# batch during this time, and meanwhile no second worker may receive the batch.
_VISIBILITY_FACTOR = 6


@dataclass(frozen=True, kw_only=True)
class StackSettings(FunctionSettings):
    """The checked settings of a deployment, including those that its functions read.

    :mod:`pneumonia_cli.stack.context` reads and checks them. Names give the unit of sizes (bytes, MB) and of times
    (seconds, days).
    """

    stack_name: str = setting(
        text(r"[A-Za-z][A-Za-z0-9-]{0,127}", "letters, digits and hyphens, a letter first, at most 128"),
        "name of the CloudFormation stack",
    )
    architecture: str = setting(
        choice("x86_64", "arm64"), "CPU architecture of the functions and of the container image"
    )
    base_image: str = setting(
        text(r"[a-z0-9][\w./:@-]*", "an image reference, for example registry/name:tag"),
        "base image of the Dockerfile",
    )
    docker_build_network: str = setting(
        choice("default", "host", "none"),
        "network of the container build; `host` for builders that reach package indexes only through the host",
    )
    memory_mb: int = setting(
        integer(512, 10240),
        "memory of each function; CPU grows with it: 1,769 MB give one vCPU. New accounts are limited to 3,008 MB",
    )
    api_timeout_seconds: int = setting(integer(3, 900), "time limit of one HTTP request")
    worker_timeout_seconds: int = setting(
        integer(3, 900), "time limit of one batch; the queue hides messages for six times as long"
    )
    # The reserved concurrency of the API also limits the cost of a flood of requests.
    api_reserved_concurrency: int | None = setting(
        integer(1, 1000, optional=True),
        "concurrency of the account that is reserved for the API; `null` reserves none",
    )
    worker_reserved_concurrency: int | None = setting(
        integer(2, 1000, optional=True),
        "concurrency reserved for the worker; at least `worker_max_concurrency`; `null` reserves none",
    )
    api_provisioned_concurrency: int | None = setting(
        integer(1, 1000, optional=True),
        "instances of the API that are always started, to avoid cold starts; billed by the hour even if unused; at "
        "most `api_reserved_concurrency`; `null` for none",
    )
    deployment: str = setting(
        choice("all_at_once", "canary", "linear"),
        "how traffic moves to a new version: `all_at_once`; `canary`: 10% for ten minutes, then all; "
        "`linear`: 10% more every three minutes ([operations.md](operations.md#deploy))",
    )
    cors_origins: tuple[str, ...] = setting(
        origins(),
        "other web origins whose pages may call the API and upload; the page of the stack needs no entry",
    )
    batch_size: int = setting(
        integer(1, 10), "largest number of uploads in one worker invocation; SQS allows ten without a batching window"
    )
    worker_max_concurrency: int = setting(
        integer(2, 1000),
        "largest number of workers that run at once; the API has the rest of the account's concurrency",
    )
    backfill: bool = setting(
        flag(), "`true` adds a state machine that predicts the existing images of a bucket ([backfill.md](backfill.md))"
    )
    backfill_archives: tuple[str, ...] = setting(
        archives(),
        "buckets, or `bucket/prefix`, that the backfill may read in addition to the upload bucket: archives and their "
        "inventories",
    )
    backfill_batch_size: int = setting(
        integer(1, 100), "images for one invocation of the backfill function, which has `worker_timeout_seconds`"
    )
    backfill_max_concurrency: int = setting(
        integer(1, 1000),
        "maximum number of invocations of the backfill function at once; they and the worker reduce the concurrency "
        "that is left for the API",
    )
    backfill_tolerated_failure_percent: int = setting(
        integer(0, 100), "the backfill fails if more than this percentage of its images fail because of the service"
    )
    upload_expiry_days: int | None = setting(
        integer(1, 36_500, optional=True),
        "days until uploads are deleted; `null` keeps them (replaced versions are deleted after 15 days)",
    )
    result_expiry_days: int | None = setting(
        integer(1, 36_500, optional=True), "days until results are deleted; `null` keeps them"
    )
    retain_data: bool = setting(
        flag(), "keep buckets and logs when the stack is destroyed; `false` deletes them with all their content"
    )
    log_level: str = setting(
        choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "lowest level of the lines that the functions log"
    )
    log_retention_days: int = setting(
        log_retention(), "days for which logs are kept; one of the periods that CloudWatch Logs offers"
    )
    customer_keys: bool = setting(
        flag(),
        "customer-managed KMS keys for all stored data; this setting and the next three are for regulated users "
        "([security.md](security.md#settings-for-regulated-users))",
    )
    vpc: bool = setting(
        flag(), "run the functions in a VPC without access to the internet; excludes `allowed_url_hosts`"
    )
    access_log_days: int | None = setting(
        integer(1, 36_500, optional=True),
        "days for which the S3 access logs are kept, which record who read and wrote objects; `null` for no logs",
    )
    result_lock_days: int | None = setting(
        integer(1, 36_500, optional=True),
        "days for which no version of a result can be deleted or overwritten; at most `result_expiry_days`; needs "
        "`retain_data`; `null` for no lock",
    )
    # pneumonia_cli/stack/observability.py evaluates this setting together with `metrics` and `dashboard`.
    observability: str = setting(
        choice("essential", "full"),
        "what is monitored: `essential`: alarms on failures, delays and throttling, within the free tier of AWS; "
        "`full`: also custom metrics of the functions, alarms on rejections and scores, and a dashboard "
        "([costs](operations.md#estimate-the-bill))",
    )
    # CloudWatch bills each metric for every hour in which it has data.
    metrics: bool | None = setting(
        flag(optional=True),
        "whether the functions write custom metrics ([operations.md](operations.md#metrics)); `null`: only with "
        "`observability` = `full`",
    )
    tracing: bool = setting(flag(), "whether X-Ray records a trace of each invocation of the functions")
    # CloudWatch bills dashboards as well.
    dashboard: bool | None = setting(
        flag(optional=True),
        "whether there is a CloudWatch dashboard ([operations.md](operations.md#dashboard)); `null`: only with "
        "`observability` = `full`",
    )
    alarm_email: str = setting(
        text(r"|[^@\s,]+@[^@\s,]+\.[^@\s,]+", "an e-mail address, or an empty text for none"),
        "e-mail address that alarms are sent to",
    )
    alarm_errors: int = setting(
        integer(1, 1_000_000), "alarm at this many failed invocations of a function in five minutes"
    )
    alarm_throttles: int = setting(
        integer(1, 1_000_000), "alarm at this many throttled invocations of a function in five minutes"
    )
    alarm_http_5xx: int = setting(
        integer(1, 1_000_000), "alarm at this many HTTP 5xx responses of the Function URL in five minutes"
    )
    alarm_dead_letters: int = setting(integer(1, 1_000_000), "alarm at this many messages in the dead-letter queue")
    alarm_api_p99_ms: int = setting(
        integer(1, 900_000), "alarm when the 99th percentile of the API's duration is this high for 15 minutes"
    )
    alarm_queue_age_seconds: int = setting(integer(1, 1_209_600), "alarm when the oldest waiting upload is this old")
    alarm_rejected_percent: int = setting(
        integer(1, 100), "alarm when this percentage of the images of one hour was refused"
    )
    alarm_rejected_min_images: int = setting(
        integer(1, 1_000_000), "number of images in an hour from which that alarm applies"
    )
    alarm_score_band: int = setting(
        integer(1, 100),
        "alarm when the mean score differs from the expected one by this many standard deviations",
    )
    alarm_concurrency_percent: int = setting(integer(1, 100), "alarm when this percentage of the concurrency is in use")
    account_concurrency: int = setting(
        integer(1, 1_000_000),
        "the account's concurrency quota for Lambda, which limits the API unless `api_reserved_concurrency` is set; 10 "
        "for new accounts; `aws lambda get-account-settings` shows the quota",
    )
    # pneumonia_cli/stack/prices.py lists the sources of the defaults and the units.
    price_gb_second: float = setting(
        price(),
        "Lambda on x86_64, for each GB-second; this price and the next ones are list prices in us-east-1, for the "
        "estimate of costs (`pneumonia_cli/stack/prices.py` lists the sources)",
    )
    price_provisioned_gb_second: float = setting(price(), "provisioned concurrency of Lambda, for each GB-second")
    price_million_requests: float = setting(price(), "a million Lambda invocations")
    price_million_queue_requests: float = setting(price(), "a million SQS requests")
    price_thousand_puts: float = setting(price(), "a thousand objects written to S3 Standard")
    price_thousand_gets: float = setting(price(), "a thousand objects read from S3 Standard")
    price_storage_gb_month: float = setting(price(), "a GB in S3 Standard for a month")
    price_log_gb: float = setting(price(), "a GB of logs ingested by CloudWatch")
    price_metric_month: float = setting(price(), "a CloudWatch metric for a month")
    price_alarm_month: float = setting(price(), "a CloudWatch alarm for a month")
    price_dashboard_month: float = setting(price(), "a CloudWatch dashboard for a month")

    @property
    def api_concurrency(self) -> int:
        """Return how many requests can run at once: the reserved concurrency of the API, or that of the account."""
        return self.api_reserved_concurrency or self.account_concurrency

    @property
    def visibility_timeout_seconds(self) -> int:
        """Return the seconds for which the upload queue hides a message that a worker holds."""
        return _VISIBILITY_FACTOR * self.worker_timeout_seconds

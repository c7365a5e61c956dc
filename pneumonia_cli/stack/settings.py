"""The settings of a deployment: each with what it may be and what it is.

What the functions read is declared where they read it (:mod:`pneumonia.settings`), all else here. To add a setting,
declare it, give its default in ``cdk.json``, read it, and run ``make settings-table``.
"""

from __future__ import annotations

from dataclasses import dataclass

from pneumonia.declaration import choice, flag, integer, setting, text
from pneumonia.settings import MAX_RECEIVES as MAX_RECEIVES
from pneumonia.settings import FunctionSettings
from pneumonia_cli.stack.kinds import archives, log_retention, origins, price

# AWS asks for a visibility timeout of at least six times the function's: a batch that is throttled is retried
# by the poller within that time, and must not be handed to a second worker meanwhile.
_VISIBILITY_FACTOR = 6


@dataclass(frozen=True, kw_only=True)
class StackSettings(FunctionSettings):
    """The checked settings of a deployment: those that its functions read, and these.

    :mod:`pneumonia_cli.stack.context` reads and checks them. Sizes are bytes or MB as named, times seconds or days as
    named.
    """

    stack_name: str = setting(
        text(r"[A-Za-z][A-Za-z0-9-]{0,127}", "letters, digits and hyphens, a letter first, at most 128"),
        "name of the CloudFormation stack",
    )
    architecture: str = setting(choice("x86_64", "arm64"), "CPU architecture of the functions and of the image")
    base_image: str = setting(
        text(r"[a-z0-9][\w./:@-]*", "an image reference, for example registry/name:tag"),
        "base image of the Dockerfile",
    )
    docker_build_network: str = setting(
        choice("default", "host", "none"),
        "network of the image build; `host` for builders that reach package indexes only through the host",
    )
    memory_mb: int = setting(
        integer(512, 10240),
        "memory of each function; CPU grows with it: 1,769 MB is one vCPU. New accounts stop at 3,008",
    )
    api_timeout_seconds: int = setting(integer(3, 900), "time limit of one HTTP request")
    worker_timeout_seconds: int = setting(
        integer(3, 900), "time limit of one batch; the queue hides messages for six times as long"
    )
    # For api it is the brake as well: no flood of requests can run, or cost, more than that many at once.
    api_reserved_concurrency: int | None = setting(
        integer(1, 1000, optional=True),
        "concurrency taken out of the account's pool for the API; `null` leaves it in the pool",
    )
    worker_reserved_concurrency: int | None = setting(
        integer(2, 1000, optional=True), "the same for the worker; at least `worker_max_concurrency`"
    )
    api_provisioned_concurrency: int | None = setting(
        integer(1, 1000, optional=True),
        "instances of the API kept started, against cold starts; billed by the hour, used or not; at most "
        "`api_reserved_concurrency`",
    )
    deployment: str = setting(
        choice("all_at_once", "canary", "linear"),
        "how traffic moves to a new version: `all_at_once`; `canary`, a tenth of it for ten minutes, then all; "
        "`linear`, a tenth every three minutes ([operations.md](operations.md#deploy))",
    )
    cors_origins: tuple[str, ...] = setting(
        origins(),
        "other web origins whose pages may call the API and upload, from a browser; the page of the stack itself needs "
        "no entry",
    )
    batch_size: int = setting(integer(1, 10), "uploads for one worker call; ten is the most without a batching window")
    worker_max_concurrency: int = setting(
        integer(2, 1000),
        "workers at once; leaves the rest of the account's concurrency to the API. Two is the least that AWS accepts",
    )
    backfill: bool = setting(
        flag(), "`true` for a state machine that predicts what a bucket held before ([backfill.md](backfill.md))"
    )
    backfill_archives: tuple[str, ...] = setting(
        archives(),
        "buckets, or `bucket/prefix`, that it may read beside the upload bucket: archives and where their inventories "
        "lie",
    )
    backfill_batch_size: int = setting(
        integer(1, 100), "images for one invocation of it; each has `worker_timeout_seconds`"
    )
    backfill_max_concurrency: int = setting(
        integer(1, 1000),
        "its invocations at once; what they and the worker leave of the account's concurrency is for the API",
    )
    backfill_tolerated_failure_percent: int = setting(
        integer(0, 100), "images without a prediction, for reasons that are not theirs, above which it ends as failed"
    )
    upload_expiry_days: int | None = setting(
        integer(1, 36_500, optional=True),
        "days until uploads are deleted; `null` keeps them (replaced versions go after 15 days)",
    )
    result_expiry_days: int | None = setting(
        integer(1, 36_500, optional=True), "days until results are deleted; `null` keeps them"
    )
    retain_data: bool = setting(
        flag(), "keep buckets and logs when the stack is destroyed; `false` deletes them with all they hold"
    )
    log_level: str = setting(
        choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "least level of the lines that the functions log"
    )
    log_retention_days: int = setting(
        log_retention(), "days that logs are kept; one of the periods that CloudWatch Logs offers"
    )
    customer_keys: bool = setting(
        flag(),
        "customer-managed keys of KMS for whatever is stored; this and the next three are for regulated users "
        "([security.md](security.md#settings-for-regulated-users))",
    )
    vpc: bool = setting(flag(), "the functions in a VPC without a way to the internet; excludes `allowed_url_hosts`")
    access_log_days: int | None = setting(
        integer(1, 36_500, optional=True),
        "days for which S3 logs of who read and wrote objects are kept; `null` for no such logs",
    )
    result_lock_days: int | None = setting(
        integer(1, 36_500, optional=True),
        "days for which no version of a result can be deleted or overwritten; at most `result_expiry_days`, and only "
        "with `retain_data`",
    )
    # pneumonia_cli/stack/observability.py has what follows from this one and from `metrics` and `dashboard`.
    observability: str = setting(
        choice("essential", "full"),
        "what is watched: `essential`, the alarms on failures, delays and throttling, which AWS's free allotment "
        "covers; "
        "`full`, metrics of the functions, alarms on what they say of images, and a dashboard as well "
        "([what it costs](operations.md#estimate-the-bill))",
    )
    # CloudWatch bills each of them by the hour in which it has data.
    metrics: bool | None = setting(
        flag(optional=True),
        "whether the functions write metrics of their own ([operations.md](operations.md#metrics)); `null`: with "
        "`observability` = `full`",
    )
    tracing: bool = setting(flag(), "whether X-Ray records a trace of each invocation of the functions")
    # CloudWatch bills it as well.
    dashboard: bool | None = setting(
        flag(optional=True),
        "whether there is a CloudWatch dashboard ([operations.md](operations.md#dashboard)); `null`: with "
        "`observability` = `full`",
    )
    alarm_email: str = setting(
        text(r"|[^@\s,]+@[^@\s,]+\.[^@\s,]+", "an e-mail address, or an empty text for none"),
        "where alarms are mailed to",
    )
    alarm_errors: int = setting(
        integer(1, 1_000_000), "failed invocations of a function in five minutes that are too many"
    )
    alarm_throttles: int = setting(
        integer(1, 1_000_000), "throttled invocations of a function in five minutes that are too many"
    )
    alarm_http_5xx: int = setting(
        integer(1, 1_000_000), "answers of the Function URL with HTTP 5xx in five minutes that are too many"
    )
    alarm_dead_letters: int = setting(integer(1, 1_000_000), "messages in the dead-letter queue that are too many")
    alarm_api_p99_ms: int = setting(
        integer(1, 900_000), "the API is slow when its 99th percentile stays here for 15 minutes"
    )
    alarm_queue_age_seconds: int = setting(integer(1, 1_209_600), "uploads wait too long when the oldest gets this old")
    alarm_rejected_percent: int = setting(
        integer(1, 100), "so many percent of the images of an hour refused are too many …"
    )
    alarm_rejected_min_images: int = setting(integer(1, 1_000_000), "… of at least so many images")
    alarm_score_band: int = setting(
        integer(1, 100),
        "half the width of the band in which the mean score is expected, in standard deviations",
    )
    alarm_concurrency_percent: int = setting(
        integer(1, 100), "concurrency is near its limit when so many percent of it are in use"
    )
    account_concurrency: int = setting(
        integer(1, 1_000_000),
        "that limit, unless `api_reserved_concurrency` is set: the account's quota for Lambda, 10 for new accounts; "
        "`aws lambda get-account-settings` shows it",
    )
    # pneumonia_cli/stack/prices.py has the sources of the defaults, and what they are multiplied with.
    price_gb_second: float = setting(
        price(),
        "Lambda on x86_64, for each GB-second; this and the next ones are list prices in us-east-1, for the estimate "
        "of costs (`pneumonia_cli/stack/prices.py` has the sources)",
    )
    price_provisioned_gb_second: float = setting(price(), "provisioned concurrency of Lambda, for each GB-second")
    price_million_requests: float = setting(price(), "a million calls of Lambda")
    price_million_queue_requests: float = setting(price(), "a million calls of SQS")
    price_thousand_puts: float = setting(price(), "a thousand objects written to S3 Standard")
    price_thousand_gets: float = setting(price(), "a thousand objects read from S3 Standard")
    price_storage_gb_month: float = setting(price(), "a GB in S3 Standard for a month")
    price_log_gb: float = setting(price(), "a GB of logs taken in by CloudWatch")
    price_metric_month: float = setting(price(), "a metric of CloudWatch for a month")
    price_alarm_month: float = setting(price(), "an alarm of CloudWatch for a month")
    price_dashboard_month: float = setting(price(), "a dashboard of CloudWatch for a month")

    @property
    def api_concurrency(self) -> int:
        """How many requests can run at once: what is reserved for the API, or else what the account has for all."""
        return self.api_reserved_concurrency or self.account_concurrency

    @property
    def visibility_timeout_seconds(self) -> int:
        """Seconds for which the upload queue hides a message that a worker holds."""
        return _VISIBILITY_FACTOR * self.worker_timeout_seconds

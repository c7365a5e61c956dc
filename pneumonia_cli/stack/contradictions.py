"""Find settings that contradict each other although each value is allowed."""

from __future__ import annotations

from collections.abc import Iterator

from pneumonia_cli.stack.settings import StackSettings


def contradictions(settings: StackSettings) -> Iterator[str]:
    """Yield a message for each contradiction. It names both settings and says what to do."""
    yield from _times(settings)
    yield from _concurrency(settings)
    yield from _network(settings)
    yield from _archives(settings)
    yield from _lock(settings)


def _times(settings: StackSettings) -> Iterator[str]:
    if settings.url_timeout_seconds >= settings.api_timeout_seconds:
        yield (
            f"Setting 'url_timeout_seconds' is {settings.url_timeout_seconds}: it must be below "
            f"'api_timeout_seconds' ({settings.api_timeout_seconds}), otherwise the caller never gets the error."
        )
    if settings.decode_seconds >= settings.api_timeout_seconds:
        yield (
            f"Setting 'decode_seconds' is {settings.decode_seconds}: it must be below "
            f"'api_timeout_seconds' ({settings.api_timeout_seconds}), otherwise the caller never gets the error."
        )
    if settings.decode_seconds * settings.batch_size >= settings.worker_timeout_seconds:
        yield (
            f"Setting 'decode_seconds' is {settings.decode_seconds}: multiplied by 'batch_size' "
            f"({settings.batch_size}), it must be below 'worker_timeout_seconds' ({settings.worker_timeout_seconds}), "
            "otherwise a batch of slow files is stopped before its end."
        )
    if settings.alarm_api_p99_ms > settings.api_timeout_seconds * 1000:
        yield (
            f"Setting 'alarm_api_p99_ms' is {settings.alarm_api_p99_ms}: it must not be above 'api_timeout_seconds' "
            f"({settings.api_timeout_seconds} s), otherwise the alarm can never fire."
        )


def _concurrency(settings: StackSettings) -> Iterator[str]:
    provisioned, limit = settings.api_provisioned_concurrency, settings.api_reserved_concurrency
    if provisioned is not None and limit is not None and provisioned > limit:
        yield (
            f"Setting 'api_provisioned_concurrency' is {provisioned}: it must not be above "
            f"'api_reserved_concurrency' ({limit}), which is the limit of the function."
        )
    reserved = settings.worker_reserved_concurrency
    if reserved is not None and reserved < settings.worker_max_concurrency:
        yield (
            f"Setting 'worker_reserved_concurrency' is {reserved}: it must be at least "
            f"'worker_max_concurrency' ({settings.worker_max_concurrency}), otherwise deliveries are throttled "
            "until they end in the dead-letter queue."
        )


def _network(settings: StackSettings) -> Iterator[str]:
    if settings.vpc and settings.allowed_url_hosts:
        yield (
            "Settings 'vpc' and 'allowed_url_hosts' exclude each other: the VPC has no access to the internet, so "
            'no {"url": …} can be fetched. Leave one of them at its default.'
        )


def _archives(settings: StackSettings) -> Iterator[str]:
    if settings.backfill_archives and not settings.backfill:
        yield "Setting 'backfill_archives' names archives, but 'backfill' is false: set it to true to read them."
    if settings.backfill_archives and settings.vpc:
        yield (
            "Settings 'vpc' and 'backfill_archives' exclude each other: from the VPC only the buckets of the stack can "
            "be reached. Leave one of them at its default."
        )


def _lock(settings: StackSettings) -> Iterator[str]:
    lock = settings.result_lock_days
    if lock is None:
        return
    if not settings.retain_data:
        yield (
            f"Setting 'result_lock_days' is {lock} and 'retain_data' is false: locked results cannot be deleted "
            "with the stack. Set 'retain_data' to true, or 'result_lock_days' to null."
        )
    if settings.result_expiry_days is not None and settings.result_expiry_days < lock:
        yield (
            f"Setting 'result_lock_days' is {lock}: it must not be above 'result_expiry_days' "
            f"({settings.result_expiry_days}), otherwise results expire while they are locked."
        )

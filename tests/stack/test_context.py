"""Every context key is validated, and every message names the key."""

import dataclasses
from typing import Any

import pytest

from pneumonia_cli.stack.context import ContextError, settings_of
from pneumonia_cli.stack.settings import StackSettings

KEYS = [setting.name for setting in dataclasses.fields(StackSettings)]

# Bounds and forms that users rely on; tests/stack/test_settings.py has one refused value of every setting.
REFUSED: dict[str, list[Any]] = {
    "stack_name": ["", "1stack", "a_b", "x" * 129, 7],
    "architecture": ["x86", "ARM64", None],
    "base_image": ["", "has space", 3],
    "docker_build_network": ["bridge", ""],
    "memory_mb": [511, 10241, "1.5", "lots", True, None, 1769.5],
    "intra_op_threads": [0, 7],
    "api_timeout_seconds": [2, 901],
    "worker_timeout_seconds": [2, 901, "-3"],
    "api_reserved_concurrency": [0, 1001, "none"],
    "worker_reserved_concurrency": [1, 1001],
    "api_provisioned_concurrency": [0, 1001, "some"],
    "deployment": ["", "Canary10Percent10Minutes", None],
    "auth": ["", "NONE", "public", None, False],
    "allowed_url_hosts": [
        "https://example.org",
        ["*.example.org"],
        ["example"],
        ["203.0.113.7"],
        ["Example.org"],
        [""],
        [3],
        '["open',
        {"example.org": True},
        None,
    ],
    "cors_origins": [
        "viewer.example.org",
        ["*"],
        ["https://*.example.org"],
        ["https://viewer.example.org/"],
        ["https://Viewer.example.org"],
        ["https://viewer.example.org; script-src *"],
        ["file://x"],
        [""],
        [3],
        '["open',
        {"https://viewer.example.org": True},
        None,
    ],
    "url_timeout_seconds": [0, 61],
    "max_image_bytes": [999, 500_000_001],
    "max_image_pixels": [9_999, 89_478_486],
    "max_decoded_bytes": [999_999, 2_000_000_001],
    "max_frames": [0, 1_001],
    "max_dicom_elements": [99, 1_000_001],
    "max_dicom_nesting": [0, 101],
    "min_image_side": [0, 1_001],
    "decode_seconds": [0, 61, 2.5],
    "batch_size": [0, 11],
    "worker_max_concurrency": [1, 1001],
    "backfill": ["yes", 1, None],
    "backfill_archives": [
        "UPPER",
        ["ab"],
        ["s3://hospital-archive/xrays/"],
        ["hospital-archive/*"],
        ["hospital-archive/${aws:username}"],
        ["hospital-archive/xr?ys"],
        [3],
        '["open',
        None,
    ],
    "backfill_batch_size": [0, 101],
    "backfill_max_concurrency": [0, 1001],
    "backfill_tolerated_failure_percent": [-1, 101, "5.5"],
    "upload_link_seconds": [59, 3_601, None],
    "upload_expiry_days": [0, 36_501, "never"],
    "result_expiry_days": [0, 36_501],
    "feedback": ["yes", 1, None],
    "event_bus": ["arn:aws:events:eu-west-1:123456789012:event-bus/films", "two words", "b" * 257, None],
    "event_uids": ["yes", 1, None],
    "retain_data": ["yes", 1, 0, None],
    "customer_keys": ["yes", 1, None],
    "vpc": ["isolated", 0, None],
    "access_log_days": [0, 36_501, True],
    "result_lock_days": [0, 36_501, "ever"],
    "observability": ["", "none", True, None],
    "metrics": ["yes", 1, 0],
    "tracing": ["yes", 1, 0, None],
    "log_level": ["info", "TRACE"],
    "log_retention_days": [0, 2, 31, True, "forever", None],
    "dashboard": ["yes", 1],
    "alarm_email": ["nobody", "a@b", "a b@example.org", None],
    "alarm_errors": [0, 1_000_001],
    "alarm_throttles": [0, 1_000_001],
    "alarm_http_5xx": [0, 1_000_001],
    "alarm_dead_letters": [0, 1_000_001],
    "alarm_api_p99_ms": [0, 900_001],
    "alarm_queue_age_seconds": [0, 1_209_601],
    "alarm_rejected_percent": [0, 101],
    "alarm_rejected_min_images": [0, 1_000_001],
    "alarm_score_band": [0, 101, "2.5"],
    "alarm_concurrency_percent": [0, 101],
    "account_concurrency": [0, 1_000_001, None],
    "price_gb_second": [-0.1, 1001, "free", "1e", "", True, None, "0x1"],
    "price_provisioned_gb_second": [-0.1],
    "price_million_requests": [-0.1, "-1"],
    "price_million_queue_requests": [-0.1, "nan"],
    "price_thousand_puts": [-0.1, "inf"],
    "price_thousand_gets": [-0.1, float("nan")],
    "price_storage_gb_month": [-0.1, float("inf")],
    "price_log_gb": [-0.1, "0.5 USD"],
    "price_metric_month": [-0.1, ["0.3"]],
    "price_alarm_month": [-0.1, "0,1"],
    "price_dashboard_month": [-0.1],
}


def test_defaults(defaults: dict[str, Any]) -> None:
    settings = settings_of(defaults)
    assert settings.auth == "iam"
    assert settings.architecture == "x86_64"
    assert settings.memory_mb == 1769
    assert settings.allowed_url_hosts == ()
    assert settings.cors_origins == ()
    assert settings.upload_link_seconds == 600
    assert settings.api_reserved_concurrency is None
    assert settings.worker_reserved_concurrency is None
    assert settings.api_provisioned_concurrency is None
    assert settings.retain_data is True
    assert (settings.customer_keys, settings.vpc) == (False, False)
    assert (settings.access_log_days, settings.result_lock_days) == (None, None)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in REFUSED.items() for value in values])
def test_refused_value_names_its_key(defaults: dict[str, Any], key: str, value: Any) -> None:
    with pytest.raises(ContextError, match=f"^Setting '{key}' is .*, but must be "):
        settings_of(defaults | {key: value})


@pytest.mark.parametrize("key", KEYS)
def test_missing_key_is_named(defaults: dict[str, Any], key: str) -> None:
    with pytest.raises(ContextError, match=f"^Setting '{key}' is missing"):
        settings_of({name: value for name, value in defaults.items() if name != key})


@pytest.mark.parametrize("key", ["memory", "Auth", "alarm-email", "@context"])
def test_unknown_key_is_named(defaults: dict[str, Any], key: str) -> None:
    with pytest.raises(ContextError, match=f"^Unknown setting '{key}'.*memory_mb"):
        settings_of(defaults | {key: "1"})


@pytest.mark.parametrize(
    "key", ["@aws-cdk/core:some-flag", "aws:cdk:version-reporting", "acknowledged-issue-numbers", "cli-telemetry"]
)
def test_keys_of_the_cdk_itself_are_left_alone(defaults: dict[str, Any], key: str) -> None:
    assert settings_of(defaults | {key: True}) == settings_of(defaults)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("memory_mb", "3008", 3008),
        ("api_reserved_concurrency", "4", 4),
        ("api_reserved_concurrency", "null", None),
        ("upload_expiry_days", "", None),
        ("retain_data", "false", False),
        ("retain_data", "true", True),
        ("log_retention_days", "400", 400),
        ("allowed_url_hosts", "", ()),
        ("allowed_url_hosts", "a.example.org,b.example.org", ("a.example.org", "b.example.org")),
        ("allowed_url_hosts", '["a.example.org"]', ("a.example.org",)),
        ("cors_origins", "", ()),
        (
            "cors_origins",
            "https://a.example.org,http://localhost:3000",
            ("https://a.example.org", "http://localhost:3000"),
        ),
        ("cors_origins", '["https://a.example.org"]', ("https://a.example.org",)),
        ("auth", "token", "token"),
        ("metrics", "null", None),
        ("metrics", "true", True),
        ("dashboard", "", None),
        ("alarm_email", "ops@example.org", "ops@example.org"),
        ("price_gb_second", "0.0000133334", 0.0000133334),
        ("price_gb_second", "1.33334e-5", 0.0000133334),
        ("price_log_gb", "0", 0.0),
        ("price_log_gb", 1, 1.0),
    ],
)
def test_text_from_the_command_line_is_understood(defaults: dict[str, Any], key: str, text: Any, value: Any) -> None:
    assert getattr(settings_of(defaults | {key: text}), key) == value


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        ({"url_timeout_seconds": 10, "api_timeout_seconds": 10}, ["url_timeout_seconds", "api_timeout_seconds"]),
        ({"alarm_api_p99_ms": 30_001}, ["alarm_api_p99_ms", "api_timeout_seconds"]),
        ({"decode_seconds": 30}, ["decode_seconds", "api_timeout_seconds"]),
        ({"decode_seconds": 12, "batch_size": 10}, ["decode_seconds", "batch_size", "worker_timeout_seconds"]),
        (
            {"api_provisioned_concurrency": 3, "api_reserved_concurrency": 2},
            ["api_provisioned_concurrency", "api_reserved_concurrency"],
        ),
        ({"vpc": True, "allowed_url_hosts": ["viewer.example.org"]}, ["vpc", "allowed_url_hosts"]),
        ({"result_lock_days": 30, "retain_data": False}, ["result_lock_days", "retain_data"]),
        ({"result_lock_days": 31, "result_expiry_days": 30}, ["result_lock_days", "result_expiry_days"]),
        (
            {"worker_reserved_concurrency": 4, "worker_max_concurrency": 5},
            ["worker_reserved_concurrency", "worker_max_concurrency"],
        ),
    ],
)
def test_contradicting_settings_are_both_named(
    defaults: dict[str, Any], overrides: dict[str, Any], names: list[str]
) -> None:
    with pytest.raises(ContextError) as caught:
        settings_of(defaults | overrides)
    assert all(f"'{name}'" in str(caught.value) for name in names)


def test_visibility_timeout_follows_the_worker(defaults: dict[str, Any]) -> None:
    settings = settings_of(defaults | {"worker_timeout_seconds": 900})
    assert settings.visibility_timeout_seconds == 5400

import pytest

from pneumonia.http.service import MAX_DIRECT_BYTES
from pneumonia.model.card import Card
from tests.unit.http.conftest import Ask


def test_config_has_the_settings_that_a_client_needs(ask: Ask, card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPLOADS_BUCKET", "uploads")
    monkeypatch.setenv("RESULTS_BUCKET", "results")
    reply = ask("GET", "/config")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.body == {
        "auth": "none",
        "max_direct_bytes": 4_500_000,
        "max_image_bytes": 40_000_000,
        "uploads": True,
        "model": {"name": "tiny-grey", "version": "0.0.1"},
        "operating_points": {"rule_out": 0.1, "balanced": 0.4, "rule_in": 0.9},
        "prevalence": {"calibrated": 0.5, "lowest": 0.001, "highest": 0.999},
        "feedback": None,
        "notice": card.notice,
        "limits": ["knows grey only"],
    }


def test_config_without_uploads(ask: Ask) -> None:
    assert ask("GET", "/config").body["uploads"] is False


def test_direct_limit_does_not_exceed_the_image_limit(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_IMAGE_BYTES", "1000")
    body = ask("GET", "/config").body
    assert (body["max_direct_bytes"], body["max_image_bytes"]) == (1000, 1000)


def test_direct_limit_in_base64_fits_into_an_event() -> None:
    room_for_the_rest_of_the_event = 64 * 1024
    assert MAX_DIRECT_BYTES * 4 / 3 + room_for_the_rest_of_the_event < 6 * 1024 * 1024


@pytest.mark.parametrize("mode", ["iam", "token"])
def test_config_names_the_mode_without_credentials(ask: Ask, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("AUTH_MODE", mode)
    monkeypatch.setenv("AUTH_SECRET_ID", "arn:of-the-secret")
    reply = ask("GET", "/config")
    assert (reply.status, reply.body["auth"]) == (200, mode)
    assert b"arn:of-the-secret" not in reply.data

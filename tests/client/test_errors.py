from typing import Any

import pytest

from pneumonia_cli.client.errors import (
    CredentialsError,
    NetworkError,
    Refused,
    ServiceError,
    UnwritableOutput,
    UsageProblem,
    exit_code,
)


@pytest.mark.parametrize(
    ("refused", "missing", "code"),
    [(0, 0, 0), (1, 0, 3), (0, 1, 4), (5, 2, 4)],
)
def test_exit_codes_of_a_run_that_ended(refused: int, missing: int, code: int) -> None:
    assert exit_code(refused, missing) == code


def test_exit_codes_of_errors() -> None:
    found = [kind.exit_code for kind in (UsageProblem, UnwritableOutput, ServiceError, NetworkError, CredentialsError)]
    assert found == [2, 2, 4, 4, 4]


def test_a_refusal_has_its_http_status_if_there_was_one() -> None:
    told: dict[str, Any] = {"code": "too_large", "title": "Too large", "detail": "Use less."}
    assert Refused(**told, status=413).fields == {**told, "status": 413}
    assert Refused(**told).fields == told
    assert Refused(**told, status=413).result == {**told, "status": "rejected"}

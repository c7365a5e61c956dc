import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pneumonia.errors import AccessCheckFailed, Unauthorized
from pneumonia.http import auth
from pneumonia.http.auth import MAX_AGE_SECONDS, MIN_INTERVAL_SECONDS, RETRY_SECONDS, TokenStore, authorize
from pneumonia.settings import Settings
from tests.conftest import LoadEvent

OLD, CURRENT, NEXT = "old-token-of-last-month", "current-token-of-today", "next-token-of-tomorrow"


class Vault:
    """A secret that counts how often it is read, or fails."""

    def __init__(self, *tokens: str) -> None:
        self.tokens: Sequence[str] = tokens
        self.fails = False
        self.readings = 0

    def read(self) -> Sequence[str]:
        self.readings += 1
        if self.fails:
            raise RuntimeError(f"quoting {self.tokens}")
        return self.tokens


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def vault() -> Vault:
    return Vault(CURRENT, OLD)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(vault: Vault, clock: Clock) -> TokenStore:
    return TokenStore(vault.read, clock)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    previous = auth.logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
    yield stream
    auth.logger.registered_handler.setStream(previous)  # type: ignore[attr-defined]


def test_current_and_previous_token_are_valid(store: TokenStore) -> None:
    assert store.accepts(CURRENT)
    assert store.accepts(OLD)


@pytest.mark.parametrize("token", ["", "current-token-of-toda", CURRENT + "x", CURRENT.upper(), NEXT])
def test_no_other_is(store: TokenStore, token: str) -> None:
    assert not store.accepts(token)


def test_secret_is_read_once_in_five_minutes(store: TokenStore, vault: Vault, clock: Clock) -> None:
    for _ in range(10):
        assert store.accepts(CURRENT)
    clock.now += MAX_AGE_SECONDS - 1
    assert store.accepts(CURRENT)
    assert vault.readings == 1
    clock.now += 1
    assert store.accepts(CURRENT)
    assert vault.readings == 2


def test_wrong_tokens_cannot_make_it_be_read_more_often(store: TokenStore, vault: Vault, clock: Clock) -> None:
    step, seconds = 0.5, MAX_AGE_SECONDS
    for count in range(int(seconds / step)):
        assert not store.accepts(f"guess-number-{count}")
        clock.now += step
    assert vault.readings == seconds / MIN_INTERVAL_SECONDS


def test_new_token_is_accepted_half_a_minute_after_the_rotation(store: TokenStore, vault: Vault, clock: Clock) -> None:
    assert store.accepts(CURRENT)
    vault.tokens = (NEXT, CURRENT)
    assert not store.accepts(NEXT)
    clock.now += MIN_INTERVAL_SECONDS
    assert store.accepts(NEXT)
    assert store.accepts(CURRENT)
    assert not store.accepts(OLD)


def test_revoked_token_is_refused_after_five_minutes(store: TokenStore, vault: Vault, clock: Clock) -> None:
    assert store.accepts(OLD)
    vault.tokens = (CURRENT,)
    clock.now += MAX_AGE_SECONDS
    assert not store.accepts(OLD)


def test_nobody_is_let_in_while_the_secret_cannot_be_read(
    store: TokenStore, vault: Vault, clock: Clock, log: io.StringIO
) -> None:
    vault.fails = True
    for _ in range(5):
        with pytest.raises(AccessCheckFailed):
            store.accepts(CURRENT)
    assert vault.readings == 1
    assert "RuntimeError" in log.getvalue()
    assert CURRENT not in log.getvalue()
    vault.fails = False
    clock.now += RETRY_SECONDS
    assert store.accepts(CURRENT)


def test_known_tokens_outlive_a_failed_look_for_an_unknown_one(store: TokenStore, vault: Vault, clock: Clock) -> None:
    assert store.accepts(CURRENT)
    vault.fails = True
    clock.now += MIN_INTERVAL_SECONDS
    assert not store.accepts(NEXT)
    assert store.accepts(CURRENT)
    clock.now += MAX_AGE_SECONDS
    with pytest.raises(AccessCheckFailed):
        store.accepts(CURRENT)


class TestAuthorize:
    @pytest.fixture(autouse=True)
    def tokens(self, monkeypatch: pytest.MonkeyPatch, store: TokenStore) -> None:
        # With the cache's own method: the fixture that cleans up asks for it.
        replaced: Any = lambda: store  # noqa: E731
        replaced.cache_clear = lambda: None
        monkeypatch.setattr(auth, "token_store", replaced)

    def ask(self, mode: str, authorization: str = "", event: dict[str, Any] | None = None) -> None:
        authorize(event or {"requestContext": {}}, Settings(model_dir=Path(), auth=mode), authorization)

    def test_none_asks_nothing(self) -> None:
        self.ask("none")

    def test_token(self) -> None:
        self.ask("token", f"Bearer {CURRENT}")
        self.ask("token", f"bearer  {OLD} ")

    @pytest.mark.parametrize(
        "authorization",
        [
            "",
            "Bearer",
            "Bearer ",
            CURRENT,
            f"Basic {CURRENT}",
            f"Bearer {NEXT}",
            f"Bearer {CURRENT}, Bearer {CURRENT}",
            f"Bearer {CURRENT} {CURRENT}",
            f"Bearer\n{CURRENT}",
            f"Bearer {CURRENT}\n",
            "Bearer jäne",
            f"AWS4-HMAC-SHA256 {CURRENT}",
        ],
    )
    def test_wrong_token(self, authorization: str) -> None:
        with pytest.raises(Unauthorized) as caught:
            self.ask("token", authorization)
        assert "current-token" not in caught.value.detail

    def test_signature_is_no_token(self, load_event: LoadEvent) -> None:
        with pytest.raises(Unauthorized):
            self.ask("token", event=load_event("function_url_iam"))

    def test_iam_trusts_what_aws_has_checked(self, load_event: LoadEvent) -> None:
        self.ask("iam", event=load_event("function_url_iam"))

    @pytest.mark.parametrize("authorizer", [None, {}, {"iam": None}, {"iam": {}}, {"jwt": {"claims": {}}}])
    def test_iam_refuses_what_nobody_has_checked(self, load_event: LoadEvent, authorizer: Any) -> None:
        event = load_event("function_url_none")
        event["requestContext"]["authorizer"] = authorizer
        with pytest.raises(Unauthorized):
            self.ask("iam", f"Bearer {CURRENT}", event)

import hmac
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pneumonia.errors import AccessCheckFailed, Unauthorized
from pneumonia.http import auth
from pneumonia.http.auth import MAX_AGE_SECONDS, MIN_INTERVAL_SECONDS, RETRY_SECONDS, TokenStore, authorize
from pneumonia.http.token_secret import DEFAULT, KnownToken, digest_of
from pneumonia.settings import Settings
from tests.conftest import LoadEvent

OLD, CURRENT, NEXT = "old-token-of-last-month", "current-token-of-today", "next-token-of-tomorrow"


class Vault:
    """A secret that counts how often it is read, or fails."""

    def __init__(self, *tokens: str) -> None:
        self.tokens: Sequence[str] = tokens
        self.named: Sequence[KnownToken] = ()
        self.fails = False
        self.readings = 0

    def read(self) -> Sequence[KnownToken]:
        self.readings += 1
        if self.fails:
            raise RuntimeError(f"quoting {self.tokens}")
        return [*(KnownToken(DEFAULT, digest_of(token)) for token in self.tokens), *self.named]


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
    return TokenStore(vault.read, clock, clock)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    previous = auth.logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
    yield stream
    auth.logger.registered_handler.setStream(previous)  # type: ignore[attr-defined]


def test_current_and_previous_token_are_valid(store: TokenStore) -> None:
    assert store.name_of(CURRENT)
    assert store.name_of(OLD)


@pytest.mark.parametrize("token", ["", "current-token-of-toda", CURRENT + "x", CURRENT.upper(), NEXT])
def test_other_tokens_are_not_valid(store: TokenStore, token: str) -> None:
    assert not store.name_of(token)


def test_secret_is_read_once_in_five_minutes(store: TokenStore, vault: Vault, clock: Clock) -> None:
    for _ in range(10):
        assert store.name_of(CURRENT)
    clock.now += MAX_AGE_SECONDS - 1
    assert store.name_of(CURRENT)
    assert vault.readings == 1
    clock.now += 1
    assert store.name_of(CURRENT)
    assert vault.readings == 2


def test_wrong_tokens_do_not_cause_more_readings(store: TokenStore, vault: Vault, clock: Clock) -> None:
    step, seconds = 0.5, MAX_AGE_SECONDS
    for count in range(int(seconds / step)):
        assert not store.name_of(f"guess-number-{count}")
        clock.now += step
    assert vault.readings == seconds / MIN_INTERVAL_SECONDS


def test_new_token_is_accepted_half_a_minute_after_the_rotation(store: TokenStore, vault: Vault, clock: Clock) -> None:
    assert store.name_of(CURRENT)
    vault.tokens = (NEXT, CURRENT)
    assert not store.name_of(NEXT)
    clock.now += MIN_INTERVAL_SECONDS
    assert store.name_of(NEXT)
    assert store.name_of(CURRENT)
    assert not store.name_of(OLD)


def test_revoked_token_is_refused_after_five_minutes(store: TokenStore, vault: Vault, clock: Clock) -> None:
    assert store.name_of(OLD)
    vault.tokens = (CURRENT,)
    clock.now += MAX_AGE_SECONDS
    assert not store.name_of(OLD)


def test_all_requests_are_refused_while_the_secret_cannot_be_read(
    store: TokenStore, vault: Vault, clock: Clock, log: io.StringIO
) -> None:
    vault.fails = True
    for _ in range(5):
        with pytest.raises(AccessCheckFailed):
            store.name_of(CURRENT)
    assert vault.readings == 1
    assert "RuntimeError" in log.getvalue()
    assert CURRENT not in log.getvalue()
    vault.fails = False
    clock.now += RETRY_SECONDS
    assert store.name_of(CURRENT)


def test_known_tokens_stay_valid_after_a_failed_search_for_an_unknown_one(
    store: TokenStore, vault: Vault, clock: Clock
) -> None:
    assert store.name_of(CURRENT)
    vault.fails = True
    clock.now += MIN_INTERVAL_SECONDS
    assert not store.name_of(NEXT)
    assert store.name_of(CURRENT)
    clock.now += MAX_AGE_SECONDS
    with pytest.raises(AccessCheckFailed):
        store.name_of(CURRENT)


def test_a_token_has_its_name_and_expiry(store: TokenStore, vault: Vault, clock: Clock) -> None:
    ends = clock.now + 60
    vault.named = (KnownToken("ward-3", digest_of(NEXT), ends), KnownToken("pacs", digest_of("p" * 48), None))
    assert (store.name_of(CURRENT), store.name_of(OLD)) == (DEFAULT, DEFAULT)
    assert (store.name_of(NEXT), store.name_of("p" * 48)) == ("ward-3", "pacs")
    clock.now = ends - 0.001
    assert store.name_of(NEXT) == "ward-3"
    clock.now = ends  # it expires on time, although nothing is read again
    assert store.name_of(NEXT) is None
    assert store.name_of("p" * 48) == "pacs"


def test_revoking_a_name_affects_no_other(store: TokenStore, vault: Vault, clock: Clock) -> None:
    vault.named = tuple(KnownToken(name, digest_of(name * 20)) for name in ("one", "two"))
    assert (store.name_of("one" * 20), store.name_of("two" * 20)) == ("one", "two")
    vault.named = vault.named[1:]
    clock.now += MAX_AGE_SECONDS
    assert (store.name_of("one" * 20), store.name_of("two" * 20)) == (None, "two")


def test_every_digest_is_compared_in_constant_time(
    store: TokenStore, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return a == b

    monkeypatch.setattr(hmac, "compare_digest", compare)
    vault.named = tuple(KnownToken(f"n{number}", digest_of(f"{number}" * 20)) for number in range(3))
    assert store.name_of(CURRENT) == DEFAULT
    assert store.name_of("1" * 20) == "n1"
    assert compared == [(32, 32)] * 10


class TestAuthorize:
    @pytest.fixture(autouse=True)
    def tokens(self, monkeypatch: pytest.MonkeyPatch, store: TokenStore) -> None:
        # It has the method of a cache, because the cleaning fixture calls it.
        replaced: Any = lambda: store  # noqa: E731
        replaced.cache_clear = lambda: None
        monkeypatch.setattr(auth, "token_store", replaced)

    def ask(self, mode: str, authorization: str = "", event: dict[str, Any] | None = None) -> str | None:
        return authorize(event or {"requestContext": {}}, Settings(model_dir=Path(), auth=mode), authorization)

    def test_none_needs_no_credentials(self) -> None:
        assert self.ask("none") is None

    def test_token(self) -> None:
        assert self.ask("token", f"Bearer {CURRENT}") == DEFAULT
        assert self.ask("token", f"bearer  {OLD} ") == DEFAULT

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

    def test_a_signature_is_not_a_token(self, load_event: LoadEvent) -> None:
        with pytest.raises(Unauthorized):
            self.ask("token", event=load_event("function_url_iam"))

    def test_iam_trusts_requests_that_aws_has_checked(self, load_event: LoadEvent) -> None:
        assert self.ask("iam", event=load_event("function_url_iam")) is None

    @pytest.mark.parametrize("authorizer", [None, {}, {"iam": None}, {"iam": {}}, {"jwt": {"claims": {}}}])
    def test_iam_refuses_unchecked_requests(self, load_event: LoadEvent, authorizer: Any) -> None:
        event = load_event("function_url_none")
        event["requestContext"]["authorizer"] = authorizer
        with pytest.raises(Unauthorized):
            self.ask("iam", f"Bearer {CURRENT}", event)

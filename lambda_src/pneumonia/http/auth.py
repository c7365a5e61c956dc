"""Control access as the setting AUTH_MODE says: `iam` (AWS has checked the signature), `token` or `none`."""

import functools
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from pneumonia.errors import AccessCheckFailed, Unauthorized, log_fields
from pneumonia.settings import Settings, process_settings

if TYPE_CHECKING:
    from pneumonia.http.token_secret import KnownToken

MAX_AGE_SECONDS = 300.0
"""How long tokens are cached. A revoked token works for at most this long. A token with an expiry time is refused from
that time, in every instance."""

MIN_INTERVAL_SECONDS = 30.0
"""Shortest time between two reads of the secret. An unknown token may be new, so the secret is read again. Without this
limit, every guessed token would cause a call to Secrets Manager. These calls are billed, and their rate is limited for
the whole account."""

RETRY_SECONDS = 5.0
"""Time from a failed read to the next attempt."""

# RFC 6750, section 2.1: the token is a b64token. The values of a header that is sent twice arrive joined by a comma,
# which does not match.
_BEARER = re.compile(r"bearer +([a-z0-9._~+/-]+=*) *", re.IGNORECASE)

logger = Logger()


class TokenStore:
    """The valid tokens, read again from time to time. Only their digests are kept, which all have the same length.

    `read` returns the tokens that are valid now. `clock` returns monotonic seconds. `now` returns seconds since 1970.
    """

    def __init__(
        self,
        read: Callable[[], Sequence["KnownToken"]],
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._read = read
        self._clock = clock
        self._now = now
        self._known: tuple[KnownToken, ...] = ()
        self._fresh_until = self._rest_until = float("-inf")

    def name_of(self, token: str) -> str | None:
        """Return the name of a valid token, or None. Raises AccessCheckFailed if the secret cannot be read."""
        if self._clock() >= self._fresh_until and not self._refresh():
            raise AccessCheckFailed("The secret of the token could not be read; an earlier log entry says why.")
        name = self._find(token)
        return self._find(token) if name is None and self._refresh() else name

    def _refresh(self) -> bool:
        """Read the secret, unless it was read recently. Return True if this call has read it."""
        now = self._clock()
        if now < self._rest_until:
            return False
        try:
            self._known = tuple(self._read())
        except Exception as error:
            self._rest_until = now + RETRY_SECONDS
            logger.error("the access token could not be read", **log_fields(error))
            return False
        self._fresh_until, self._rest_until = now + MAX_AGE_SECONDS, now + MIN_INTERVAL_SECONDS
        return True

    def _find(self, token: str) -> str | None:
        # Imported here, because it loads OpenSSL: 7 MB that most starts do not need (docs/performance.md).
        import hashlib
        import hmac

        digest, now = hashlib.sha256(token.encode()).digest(), self._now()
        # Compare with all tokens, each in constant time, so the duration does not reveal a near match.
        equal = [known for known in self._known if hmac.compare_digest(digest, known.digest)]
        return next((known.name for known in equal if known.expires is None or now < known.expires), None)


def authorize(event: Mapping[str, Any], settings: Settings, authorization: str) -> str | None:
    """Check a request and return the name of its token, or None if it has no token. Raises Unauthorized.

    `event`: the event of the Function URL. `authorization`: the Authorization header, or "".
    """
    if settings.auth == "none":
        return None
    if settings.auth == "iam":
        # AWS refuses unsigned requests. This check also refuses them if someone makes the Function URL public by hand.
        if not ((event.get("requestContext") or {}).get("authorizer") or {}).get("iam"):
            raise Unauthorized("Sign the request with AWS credentials (SigV4, service lambda).")
        return None
    found = _BEARER.fullmatch(authorization)
    if found is None:
        raise Unauthorized("Send the header Authorization: Bearer <token>.")
    name = token_store().name_of(found.group(1))
    if name is None:
        raise Unauthorized("The token is not valid or has expired. Ask the operator of the service for a new one.")
    return name


@functools.cache
def token_store() -> TokenStore:
    """Return the token store of this process."""

    def read() -> Sequence["KnownToken"]:
        # Imported here, because boto3 would dominate the import time of a cold start, and only tokens need it.
        from pneumonia.http.token_secret import read_tokens

        return read_tokens(process_settings().auth_secret_id or "")

    return TokenStore(read)

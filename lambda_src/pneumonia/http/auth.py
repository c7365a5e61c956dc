"""Who may enter, by the setting AUTH_MODE: `iam` (AWS has checked the signature), `token` or `none`."""

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
"""How long tokens are kept before they are read again: one that is revoked lives at most so long. One that expires ends
at its time, in every instance."""

MIN_INTERVAL_SECONDS = 30.0
"""Between two readings of the secret. A token that is not known may be a new one, so it makes the secret be
read again, but nobody can make us ask Secrets Manager (billed, and limited for the whole account) any faster
by guessing."""

RETRY_SECONDS = 5.0
"""After a reading that failed, until the next one is tried."""

# RFC 6750, section 2.1: the token is a b64token. What was sent twice arrives joined by a comma, and fails.
_BEARER = re.compile(r"bearer +([a-z0-9._~+/-]+=*) *", re.IGNORECASE)

logger = Logger()


class TokenStore:
    """The valid tokens, read now and then. Keeps digests only: of equal length, whatever is compared with them.

    `read` gives the tokens that are valid now, `clock` seconds that only grow, `now` seconds since 1970.
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
        """The name of a token that is valid; None for any other. Raises AccessCheckFailed if that cannot be found out
        now."""
        if self._clock() >= self._fresh_until and not self._refresh():
            raise AccessCheckFailed("The secret of the token could not be read; an earlier log entry says why.")
        name = self._find(token)
        return self._find(token) if name is None and self._refresh() else name

    def _refresh(self) -> bool:
        """Read the secret, unless that was done a moment ago; True if it was read."""
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
        # Imported here: it loads OpenSSL, 7 MB that most starts do without (docs/performance.md).
        import hashlib
        import hmac

        digest, now = hashlib.sha256(token.encode()).digest(), self._now()
        # All of them, each in constant time: how long it takes says nothing of which one was nearly right.
        equal = [known for known in self._known if hmac.compare_digest(digest, known.digest)]
        return next((known.name for known in equal if known.expires is None or now < known.expires), None)


def authorize(event: Mapping[str, Any], settings: Settings, authorization: str) -> str | None:
    """Let a request pass, and return the name of its token (None without one), or raise Unauthorized.

    `event`: a Function URL's; `authorization`: that header, or "".
    """
    if settings.auth == "none":
        return None
    if settings.auth == "iam":
        # AWS lets nobody else through, as long as the Function URL is what the stack made of it. If someone
        # opens it in the console, it stays closed here.
        if not ((event.get("requestContext") or {}).get("authorizer") or {}).get("iam"):
            raise Unauthorized("Sign the request with AWS credentials (SigV4, service lambda).")
        return None
    found = _BEARER.fullmatch(authorization)
    if found is None:
        raise Unauthorized("Send the header Authorization: Bearer <token>.")
    name = token_store().name_of(found.group(1))
    if name is None:
        raise Unauthorized("The token is not valid, or no longer. Ask the operator of the service for a current one.")
    return name


@functools.cache
def token_store() -> TokenStore:
    """The store of this process."""

    def read() -> Sequence["KnownToken"]:
        # Imported here: boto3 costs a cold start more than all else that a prediction needs in Python, and
        # without tokens nothing is read.
        from pneumonia.http.token_secret import read_tokens

        return read_tokens(process_settings().auth_secret_id or "")

    return TokenStore(read)

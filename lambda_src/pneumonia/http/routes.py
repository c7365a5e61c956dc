"""A route: which requests are its own, what it takes, and who may use it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from pneumonia.errors import MalformedRequest
from pneumonia.http.requests import Request
from pneumonia.http.responses import Response

_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Route:
    """A method and a path such as /results/{id}, whose parameters are single segments.

    `query` names the query parameters it takes. A `public` route needs no credentials.
    """

    method: str
    path: str
    function: Callable[[Request], Response]
    query: frozenset[str] = frozenset()
    public: bool = False

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # Names of parameters stand between the literal parts of the path.
        parts = _PARAMETER.split(self.path)
        return re.compile(
            "".join(f"(?P<{part}>[^/]+)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
        )

    def matches(self, path: str) -> bool:
        """Whether a path, whatever the method, is this route's."""
        return self._pattern.fullmatch(path) is not None

    def parameters(self, path: str) -> dict[str, str]:
        """The parameters in a path that is this route's."""
        found = self._pattern.fullmatch(path)
        return found.groupdict() if found else {}

    def respond(self, request: Request) -> Response:
        """Call the route's function. Raises MalformedRequest on a query parameter that it does not know."""
        unknown = set(request.queries) - self.query
        if unknown:
            # Names of what is known, not of what came: a query can hold anything.
            known = ", ".join(sorted(self.query)) or "none"
            raise MalformedRequest(f"The query has a parameter that this path does not know. It takes: {known}.")
        return self.function(request)

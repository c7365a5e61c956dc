"""A route: which requests are its own, what it takes, and who may use it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from pneumonia.errors import MalformedRequest
from pneumonia.http.requests import PLAIN_NAME, Request
from pneumonia.http.responses import Response

_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Route:
    """A method and a path such as /results/{id}, whose parameters are single segments.

    `query` names the query parameters it takes; with `any_query` it ignores all others, as pages do to whose addresses
    other sites append their own. A `public` route needs no credentials.
    """

    method: str
    path: str
    function: Callable[[Request], Response]
    query: frozenset[str] = frozenset()
    any_query: bool = False
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
        """Call the route's function. Raises MalformedRequest on a query parameter that it does not know: what is
        misspelt would else be without effect and nobody told."""
        unknown = [name for name in request.queries if name not in self.query and not _of_a_signature(name)]
        if unknown and not self.any_query:
            raise MalformedRequest(self._about(unknown[0]))
        return self.function(request)

    def _about(self, unknown: str) -> str:
        import difflib  # here: few requests are wrong

        shown = f"the parameter {unknown}" if PLAIN_NAME.fullmatch(unknown) else "a parameter"
        near = difflib.get_close_matches(unknown.lower(), self.query, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        known = ", ".join(sorted(self.query)) or "none"
        return f"The query has {shown}, which this path does not know. It takes: {known}.{meant}"


def _of_a_signature(name: str) -> bool:
    """Whether a query parameter belongs to a presigned address (SigV4), which AWS has checked before."""
    return name.lower().startswith("x-amz-")

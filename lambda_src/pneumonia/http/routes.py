"""A route: its method and path, its query parameters, and whether it needs credentials."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from pneumonia.errors import MalformedRequest
from pneumonia.http.requests import PLAIN_NAME, Request
from pneumonia.http.responses import Response

_PARAMETER = re.compile(r"\{(\w+)\}")


def on_demand(module: str, function: str) -> Callable[[Request], Response]:
    """Return a function of a route whose `module` of this package is imported with its first request.

    Most cold starts answer a prediction and never need it.
    """

    def respond(request: Request) -> Response:
        found: Callable[[Request], Response] = getattr(import_module(f"pneumonia.http.{module}"), function)
        return found(request)

    return respond


@dataclass(frozen=True)
class Route:
    """A method and a path such as /results/{id}, whose parameters are single segments.

    `query` names the query parameters. With `any_query`, all other parameters are ignored, because some sites append
    parameters to links. A `public` route needs no credentials.
    """

    method: str
    path: str
    function: Callable[[Request], Response]
    query: frozenset[str] = frozenset()
    any_query: bool = False
    public: bool = False

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # The split alternates between literal parts and names of parameters.
        parts = _PARAMETER.split(self.path)
        return re.compile(
            "".join(f"(?P<{part}>[^/]+)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
        )

    def matches(self, path: str) -> bool:
        """Return whether a path belongs to this route, with any method."""
        return self._pattern.fullmatch(path) is not None

    def parameters(self, path: str) -> dict[str, str]:
        """Return the parameters in a path of this route."""
        found = self._pattern.fullmatch(path)
        return found.groupdict() if found else {}

    def respond(self, request: Request) -> Response:
        """Call the route's function. Raises MalformedRequest for an unknown query parameter, so that a misspelt one
        does not go unnoticed."""
        unknown = [name for name in request.queries if name not in self.query and not _of_a_signature(name)]
        if unknown and not self.any_query:
            raise MalformedRequest(self._about(unknown[0]))
        return self.function(request)

    def _about(self, unknown: str) -> str:
        import difflib  # imported here, because few requests need it

        shown = f"the parameter {unknown}" if PLAIN_NAME.fullmatch(unknown) else "a parameter"
        near = difflib.get_close_matches(unknown.lower(), self.query, n=1)
        meant = f" The closest match is {near[0]}." if near else ""
        known = ", ".join(sorted(self.query)) or "none"
        return f"The query has {shown}, which this path does not accept. It accepts: {known}.{meant}"


def _of_a_signature(name: str) -> bool:
    """Return whether a query parameter belongs to a presigned URL (SigV4), which AWS has already checked."""
    return name.lower().startswith("x-amz-")

"""A route: its method and path, its query parameters, and whether it needs credentials."""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from pneumonia.errors import MalformedRequest
from pneumonia.http.requests import PLAIN_NAME, Request
from pneumonia.http.responses import Response


def on_demand(module: str, function: str) -> Callable[[Request], Response]:
    """Return the function of a route that imports its module only at the first request.

    `module`, `function`: names in this package. Most cold starts serve a prediction and need no other module.
    """

    def respond(request: Request) -> Response:
        found: Callable[[Request], Response] = getattr(import_module(f"pneumonia.http.{module}"), function)
        return found(request)

    return respond


class Route(NamedTuple):
    """A method and a path such as /results/{id}, whose parameters are single segments.

    `query` names the query parameters. With `any_query`, unknown parameters are ignored, because some sites append
    parameters to links. A `public` route needs no credentials.
    """

    method: str
    path: str
    function: Callable[[Request], Response]
    query: frozenset[str] = frozenset()
    any_query: bool = False
    public: bool = False

    def matches(self, path: str) -> bool:
        """Return whether a path belongs to this route. The method is not checked."""
        segments, own = path.split("/"), self.path.split("/")
        return len(segments) == len(own) and all(
            segment == expected or (segment != "" and _is_parameter(expected))
            for segment, expected in zip(segments, own, strict=True)
        )

    def parameters(self, path: str) -> dict[str, str]:
        """Return the parameters in a path of this route."""
        if not self.matches(path):
            return {}
        pairs = zip(self.path.split("/"), path.split("/"), strict=True)
        return {name[1:-1]: segment for name, segment in pairs if _is_parameter(name)}

    def respond(self, request: Request) -> Response:
        """Call the route's function.

        Raises MalformedRequest for an unknown query parameter, so that a misspelt one does not go unnoticed.
        """
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


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def _of_a_signature(name: str) -> bool:
    """Return whether a query parameter belongs to a presigned URL (SigV4), which AWS has already checked."""
    return name.lower().startswith("x-amz-")

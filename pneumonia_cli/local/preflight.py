"""CORS of a Function URL: answer preflight requests, and add headers to other responses.

With a CORS configuration, preflight requests do not reach the function. Without one, every request reaches the
function, including OPTIONS.
https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors
"""

from werkzeug.wrappers import Request, Response

from pneumonia_cli.stack.cors import Cors


def is_preflight(request: Request) -> bool:
    """Return whether a request is a preflight request of a browser."""
    return (
        request.method == "OPTIONS"
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
    )


def answer_preflight(request: Request, cors: Cors) -> Response:
    """Return the response to a preflight request. For an origin that may not call, the response has no CORS headers."""
    response = Response(status=200, content_type="application/json")
    if add_headers(request, response, cors):
        response.headers["Access-Control-Allow-Methods"] = ",".join(cors.methods)
        response.headers["Access-Control-Allow-Headers"] = ",".join(cors.headers)
        response.headers["Access-Control-Max-Age"] = str(cors.max_age_seconds)
    return response


def add_headers(request: Request, response: Response, cors: Cors) -> bool:
    """Allow the page of an allowed origin to read the response. Returns whether the origin is allowed."""
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin")
    if origin not in cors.origins:
        return False
    response.headers["Access-Control-Allow-Origin"] = str(origin)
    response.headers["Access-Control-Expose-Headers"] = ",".join(cors.exposed)
    return True

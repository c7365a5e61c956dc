"""CORS as a Function URL does it where it is configured: it answers preflight requests, and adds headers to the rest.

https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors: the function is not asked about a
preflight request. Without a configuration everything reaches the function, OPTIONS as well.
"""

from werkzeug.wrappers import Request, Response

from pneumonia_cli.stack.cors import Cors


def is_preflight(request: Request) -> bool:
    """Whether a browser asks if it may send a request."""
    return (
        request.method == "OPTIONS"
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
    )


def answer_preflight(request: Request, cors: Cors) -> Response:
    """What the browser wants to know; nothing of it for an origin that may not call."""
    response = Response(status=200, content_type="application/json")
    if add_headers(request, response, cors):
        response.headers["Access-Control-Allow-Methods"] = ",".join(cors.methods)
        response.headers["Access-Control-Allow-Headers"] = ",".join(cors.headers)
        response.headers["Access-Control-Max-Age"] = str(cors.max_age_seconds)
    return response


def add_headers(request: Request, response: Response, cors: Cors) -> bool:
    """Let the page of an allowed origin read the response. Returns whether the origin is one."""
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin")
    if origin not in cors.origins:
        return False
    response.headers["Access-Control-Allow-Origin"] = str(origin)
    response.headers["Access-Control-Expose-Headers"] = ",".join(cors.exposed)
    return True

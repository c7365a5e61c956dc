"""Serve a WSGI application on a port of this machine during a `with` block."""

import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

from pneumonia_cli.local.names import HOST
from pneumonia_cli.local.own_pages import Admits, guarded, nobody

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class PortInUse(Exception):
    """The port is in use, or this user may not use it. The message says which."""


@contextlib.contextmanager
def running(
    app: "WSGIApplication",
    port: int,
    request_handler: type[WSGIRequestHandler] | None = None,
    admits: Admits = nobody,
) -> Iterator[int]:
    """Serve `app` on 127.0.0.1, with one thread for each request. Yields the port.

    Requests from pages of other origins are refused (own_pages.py), except those that `admits` allows. `port` 0 takes a
    free port. Raises PortInUse, and OSError if the port cannot be used for another reason.
    """
    # Silence werkzeug: its request lines contain file names, and its start-up banner warns about deployments.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # The port is bound here, since werkzeug would end the process if the port is in use.
    with _listen(port) as listener:
        bound = int(listener.getsockname()[1])
        own = guarded(app, bound, admits)
        server = make_server(HOST, bound, own, threaded=True, request_handler=request_handler, fd=listener.fileno())
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, name=f"port-{bound}", daemon=True
        )
        thread.start()
        try:
            yield bound
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"Port {port} of this machine is in use. Stop the program that uses it, or choose another port."
            ) from None
        if error.errno == errno.EACCES:
            raise PortInUse(
                f"You do not have permission to use port {port}. Choose a port of 1024 or higher."
            ) from None
        raise

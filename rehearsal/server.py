"""moto as the AWS of a rehearsal, in this process. Commands on this machine and containers can reach it."""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from botocore.credentials import Credentials
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from pneumonia_cli.local.cloud import client_environment, forget_everything, isolated_environment
from pneumonia_cli.local.own_pages import guarded
from pneumonia_cli.local.wsgi_server import running
from rehearsal.api import clients_closed


@dataclass(frozen=True)
class Server:
    """`endpoint_url` for this machine, `container_url` for its containers. Both serve the same services."""

    endpoint_url: str
    container_url: str

    @property
    def credentials(self) -> Credentials:
        """The credentials that every client in a rehearsal uses."""
        named = client_environment(self.endpoint_url)
        return Credentials(named["AWS_ACCESS_KEY_ID"], named["AWS_SECRET_ACCESS_KEY"])

    def environment_of_functions(self) -> dict[str, str]:
        """Return the variables by which a function's container reaches the services, with credentials and region."""
        region = client_environment("")["AWS_DEFAULT_REGION"]
        return {**client_environment(self.container_url), "AWS_REGION": region}


@contextlib.contextmanager
def served(address: str) -> Iterator[Server]:
    """Run moto during a `with` block. All AWS clients of this process and its children use it.

    `address`: address of this machine as containers see it. Other machines on the network can reach neither port.
    """
    app = DomainDispatcherApplication(create_backend_app)
    with running(app, 0, MotoRequestHandler) as port, _also_at(address, app) as container_port:
        # The URL has a name, because the routing of moto accepts "localhost" but no IP address.
        endpoint_url = f"http://localhost:{port}"
        with isolated_environment(os.environ, endpoint_url), clients_closed():
            os.environ["AWS_ENDPOINT_URL_S3"] = endpoint_url
            os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"]
            try:
                yield Server(endpoint_url, f"http://{address}:{container_port}")
            finally:
                forget_everything(port)


@contextlib.contextmanager
def _also_at(address: str, app: DomainDispatcherApplication) -> Iterator[int]:
    server = make_server(address, 0, app, threaded=True, request_handler=MotoRequestHandler)
    server.app = guarded(app, server.server_port, address=address)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

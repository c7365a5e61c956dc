"""`pneumonia console`: serve the page on this machine, for a service that is not public."""

import contextlib
import threading
import webbrowser

from rich.text import Text
from werkzeug.wrappers import Request

from pneumonia_cli.client import output
from pneumonia_cli.client.errors import UsageProblem
from pneumonia_cli.client.proxy import Proxy
from pneumonia_cli.client.service import Service
from pneumonia_cli.local.names import HOST
from pneumonia_cli.local.ports import free_port
from pneumonia_cli.local.stopping import stopped_by_signals, wait_for
from pneumonia_cli.local.wsgi_server import PortInUse, running


def run(service: Service, *, port: int, open_browser: bool, as_json: bool, stop: threading.Event | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM, or until `stop` is set. Return the exit code.

    The one-time code is not part of the opened URL, because every user can see the arguments of the browser process.
    Raises UsageProblem, ServiceError.
    """
    service.card()  # so that wrong credentials are reported here and not in the page

    def tell(code: str) -> None:
        if as_json:
            output.print_json({"code": code})
        else:
            output.stderr.print(Text(f"The code was used. Code for another tab: {code}"))

    proxy = Proxy(service, on_code=tell)
    with stopped_by_signals() if stop is None else contextlib.nullcontext(stop) as ended:
        try:
            with running(Request.application(proxy.respond), port) as bound:
                address = f"http://{HOST}:{bound}/"
                if as_json:
                    output.print_json({"url": address, "code": proxy.code})
                else:
                    output.stdout.print(Text(address), soft_wrap=True)
                    output.stderr.print(Text(f"Code: {proxy.code}"))
                    output.stderr.print(
                        "Enter the code in the page. It can be used once. Keep it secret: the page acts with your "
                        "credentials. Press Ctrl-C to stop."
                    )
                if open_browser:
                    webbrowser.open(address)
                wait_for(ended)
        except PortInUse as error:
            raise UsageProblem(f"{error} For example, use --port {free_port(port + 1)}.") from None
    return 0

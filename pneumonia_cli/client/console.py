"""`pneumonia console`: the page in a browser, for a service that has no public door."""

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
    """Serve until Ctrl-C, SIGTERM, or until `stop` is set; answers the exit code. Raises UsageProblem, ServiceError.

    The code is never in an address that is opened: that is an argument of the browser, which every user can see.
    """
    service.card()  # now, so that wrong credentials are a message here and not a puzzle in the page

    def tell(code: str) -> None:
        if as_json:
            output.print_json({"code": code})
        else:
            output.stderr.print(Text(f"The code was used. For another tab: {code}"))

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
                        "The page asks for the code, which is good for one use. It is yours alone: the page acts with "
                        "your credentials. Ctrl-C ends it."
                    )
                if open_browser:
                    webbrowser.open(address)
                wait_for(ended)
        except PortInUse as error:
            raise UsageProblem(f"{error} --port {free_port(port + 1)} is free.") from None
    return 0

"""`pneumonia serve` and `make serve`: run the local cloud until Ctrl-C, to use it like the deployed stack.

The Function URL and the page are at http://127.0.0.1:8000. The worker predicts each image in the upload bucket and
writes the result to the results bucket. At the end all stored objects are deleted.
"""

import os
import sys
from typing import Literal

from rich.console import Console
from rich.text import Text

from pneumonia.errors import PneumoniaError
from pneumonia.handlers.api import ROUTES
from pneumonia.predictor import process_predictor
from pneumonia_cli.local import functions
from pneumonia_cli.local.access import create_token
from pneumonia_cli.local.cloud import client_environment, local_cloud
from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.function_url import FunctionUrl
from pneumonia_cli.local.names import DEAD_LETTER_QUEUE, HOST, QUEUE, RESULT_BUCKET, UPLOAD_BUCKET
from pneumonia_cli.local.own_pages import origins_of
from pneumonia_cli.local.poller import Poller
from pneumonia_cli.local.ports import client_exports, free_pair, program, serve_command
from pneumonia_cli.local.stopping import stopped_by_signals, wait_for
from pneumonia_cli.local.wsgi_server import PortInUse
from pneumonia_cli.reporting.printable import printable
from pneumonia_cli.stack.context import default_settings
from pneumonia_cli.stack.cors import cors_of

EXIT_FAILED = 1


def run(port: int, s3_port: int, auth: Literal["none", "token"]) -> int:
    """Serve until Ctrl-C or SIGTERM. Returns the exit code.

    `port` is the port of the Function URL, `s3_port` the port of S3 and SQS. 0 takes a free port. With `auth` token the
    API requires a token, which is printed.
    """
    console = Console(soft_wrap=True)
    settings = default_settings()

    def log(method: str, path: str, status: int, milliseconds: float) -> None:
        style = "green" if status < 400 else "yellow" if status < 500 else "red"
        # Show the path of the route, since the requested path could contain the name of a person.
        shown = next((route.path for route in ROUTES if route.matches(path)), "(another path)")
        console.print(printable(f"{method} {shown} → {status} in {milliseconds:.0f} ms", style))

    front = FunctionUrl(functions.API_HANDLER, functions.api_context(settings), log, cors_of(settings))
    try:
        with stopped_by_signals() as stop, functions.logs_to(sys.stderr), local_cloud(settings, s3_port) as cloud:
            export_settings(settings, os.environ, auth)
            process_predictor()  # load it now, so that missing artifacts give a message instead of a stuck queue
            token = create_token() if auth == "token" else None
            worker = functions.WORKER_HANDLER, functions.worker_context(settings)
            with Poller(cloud, *worker, settings.batch_size).running(), front.running(port) as url:
                cloud.page_origins.update(origins_of(int(url.rpartition(":")[2])))
                _introduce(console, url, cloud.endpoint_url, token)
                wait_for(stop)
    except PortInUse as error:
        console.print(printable(f"{error} These ports are free:", "red"))
        console.print(Text(f"  {serve_command(*free_pair(port, s3_port), auth)}"))
        return EXIT_FAILED
    except (PneumoniaError, OSError) as error:
        console.print(printable(str(error), "red"))
        return EXIT_FAILED
    console.print("Stopped.")
    return 0


def _introduce(console: Console, url: str, endpoint_url: str, token: str | None) -> None:
    model = process_predictor().card
    exports = _exports(client_environment(endpoint_url))
    elsewhere = _exports(client_exports(url, endpoint_url, token))
    console.print(Text.from_markup("[bold]The local cloud is running.[/] Ctrl-C stops it and deletes its data.\n"))
    authorization = f" -H 'Authorization: Bearer {token}'" if token else ""
    console.print(
        f"""Page               {url}/
Function URL       {url}
Token              {token or "(not required)"}
S3 and SQS         {endpoint_url}
Upload bucket      {UPLOAD_BUCKET}
Results bucket     {RESULT_BUCKET}
Queue              {QUEUE}
Dead-letter queue  {DEAD_LETTER_QUEUE}
Model              {model.name} {model.version}

Send one image over HTTP:
  curl --data-binary @samples/pneumonia-1.png -H 'Content-Type: image/png'{authorization} {url}/predict
  curl {url}/health

Use this command line{", after setting the address" if elsewhere else ""}:
{elsewhere}  {program()} call samples/pneumonia-1.png --stack local

Use the buckets with the AWS CLI or boto3 (these keys belong to no AWS account):
{exports}  aws s3 cp samples/pneumonia-1.png s3://{UPLOAD_BUCKET}/
  aws s3 cp s3://{RESULT_BUCKET}/pneumonia-1.png.json -
""",
        highlight=False,
        markup=False,
    )
    console.print(Text(model.notice, style="yellow"))
    console.print(Text(f"Requests and the logs of both functions follow. Only {HOST} can connect.\n", style="dim"))


def _exports(variables: dict[str, str]) -> str:
    return "".join(f"  export {name}={value}\n" for name, value in variables.items())

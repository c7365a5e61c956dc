"""Run the rehearsal, print its results, and remove everything that it built."""

import argparse
import contextlib
import json
import os
import platform
import shlex
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from rehearsal.cdk import Cdk, CommandFailed, copy_tree
from rehearsal.codedeploy import Deployments
from rehearsal.containers import Containers, host_address
from rehearsal.deployed_stack import looked_at
from rehearsal.deployment import in_order_or_back
from rehearsal.docker import DockerFailed, remove_images
from rehearsal.doors import Doors
from rehearsal.event_bridge import EventBridge
from rehearsal.functions import Functions
from rehearsal.models import installed
from rehearsal.needs import missing
from rehearsal.proof import NotShown, Proofs, table
from rehearsal.registry import RegistryFailed, registry
from rehearsal.resources import kinds
from rehearsal.server import served
from rehearsal.steps import Played, Rehearsal

EXIT_FAILED = 1
_WIDTH = 120  # width of the table in a log
_EXPECTED = (NotShown, CommandFailed, DockerFailed, RegistryFailed)
"""Failures whose message says what happened. Any other failure is a bug, and its traceback is printed."""


def main(argv: Sequence[str] | None = None) -> int:
    """Rehearse. Return 0 if every step succeeded, or 1 if a step failed or this machine lacks a requirement."""
    arguments = _parser().parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    if said := missing():
        print(said, file=sys.stderr)
        return EXIT_FAILED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_FAILED))  # SIGTERM must also end the `with` blocks
    proofs = Proofs(console)
    passed = False
    try:
        with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
            _rehearse(proofs, Path(folder), arguments.cdk)
        passed = True
    except KeyboardInterrupt:
        console.print("Stopped.")
    except _EXPECTED as error:
        console.print(Text(str(error), style="red"))
    except Exception:
        traceback.print_exc()
    if proofs.rows:
        console.print(table(proofs.rows))
    return 0 if passed else EXIT_FAILED


def _rehearse(proofs: Proofs, folder: Path, cli: str) -> None:
    tree, tags = folder / "tree", folder / "tags"
    tags.touch()
    copy_tree(tree)
    name = json.loads((tree / "cdk.json").read_text(encoding="utf-8"))["context"]["stack_name"]
    with contextlib.ExitStack() as everything:
        address = everything.enter_context(registry(folder))
        everything.enter_context(_images_removed(tags))
        server = everything.enter_context(served(host_address()))
        functions = Functions(Containers(address, server.environment_of_functions()))
        everything.enter_context(functions.installed())
        doors = everything.enter_context(Doors(server.endpoint_url, server.credentials).standing())
        deployments = Deployments()
        everything.enter_context(deployments.installed())
        bridge = everything.enter_context(EventBridge().installed())
        everything.enter_context(installed(kinds(doors, functions, deployments, bridge)))
        everything.enter_context(in_order_or_back())
        stack = everything.enter_context(looked_at(name))
        cdk = Cdk(cli, tree, address, tags)
        try:
            Rehearsal(proofs, cdk, Played(functions, doors, deployments, bridge), stack, _context()).run()
        except Exception:
            print(functions.containers.logs()[-8000:], file=sys.stderr)
            raise


def _context() -> dict[str, str]:
    """Return the settings that this machine needs to build the image, from the variables of `make`."""
    context = {"architecture": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"}
    if base := os.environ.get("BASE_IMAGE"):
        context["base_image"] = base
    for flag in shlex.split(os.environ.get("DOCKER_BUILD_FLAGS", "")):
        if flag.startswith("--network="):
            context["docker_build_network"] = flag.removeprefix("--network=")
    return context


@contextlib.contextmanager
def _images_removed(tags: Path) -> Iterator[None]:
    """At the end of a `with` block, remove the images whose tags and ids are in the file `tags`."""
    try:
        yield
    finally:
        remove_images(tags.read_text(encoding="utf-8").split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make rehearse", description=__doc__)
    parser.add_argument("--cdk", required=True, metavar="PACKAGE", help="the CDK CLI, such as aws-cdk@2.1148.1")
    return parser


if __name__ == "__main__":
    sys.exit(main())

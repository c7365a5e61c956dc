"""Run every command of README and docs in a fresh clone, and print a log (`make newcomer`).

Every command in a fenced block runs as pasted, page by page, beginning with the README. Commands that need AWS, or that
other checks run, are skipped, and the log says so. Each page is one session of bash. The local cloud runs in another.
"""

import argparse
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.newcomer.commands import ROOT, Command, commands, pages
from tests.newcomer.files import bring

PORT = 8000
PATIENCE_SECONDS = 300
FOLDER = "triage"  # as in the README


class Stumbled(Exception):
    """A command did not work as the page says."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the pages. Return 1 at the first command that fails."""
    parser = argparse.ArgumentParser(prog="make newcomer", description=__doc__)
    parser.add_argument("pages", nargs="*", help="pages to run after the README (default: all)")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the server also ends
    with tempfile.TemporaryDirectory() as name:
        try:
            follow(Path(name), arguments.pages)
        except Stumbled as error:
            print(f"STUMBLED: {error}", flush=True)
            return 1
    print("All commands work as written.")
    return 0


def follow(place: Path, chosen: Sequence[str]) -> None:
    """Run the README and then the chosen pages, in a folder. Raises Stumbled."""
    readme, *others = pages()
    environment = surroundings(place)
    clone = place / FOLDER
    given = commands(readme)
    _read(readme, given[:2], place, environment)  # creates the clone, and the environment (demo)
    bring(clone)
    environment["PATH"] = f"{clone / '.venv' / 'bin'}:{environment['PATH']}"
    subprocess.run(["make", "cli"], cwd=clone, env=environment, check=True, stdout=subprocess.DEVNULL)
    with serving(clone, environment):
        _read(readme, given[2:], clone, environment)
        for page in others:
            if not chosen or str(page.relative_to(ROOT)) in chosen:
                _read(page, commands(page), clone, environment)


def surroundings(place: Path) -> dict[str, str]:
    """Return the environment of a new user: an empty home, no AWS settings, and no variables of make."""
    home = place / "home"
    (home / ".local" / "bin").mkdir(parents=True)
    for name in (".config", ".cache"):  # the settings and cache of pip
        if (Path.home() / name).exists():
            (home / name).symlink_to(Path.home() / name)
    strange = ("AWS_", "CXR_", "MAKE", "MFLAGS", "PNEUMONIA_", "PYTHON", "VIRTUAL_ENV", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    return kept | {"HOME": str(home), "REPOSITORY": f"file://{ROOT}", "COLUMNS": "100"}


def _read(page: Path, given: Sequence[Command], folder: Path, environment: dict[str, str]) -> None:
    """Run the commands of a page in one session of bash."""
    script = ["set -euo pipefail"]
    for command in given:
        if why := ("needs AWS" if command.needs_aws else command.elsewhere):
            print(f"-- {command} (skipped: {why})", flush=True)
        else:
            script += [f"printf '\\n++ %s (after %d s)\\n' {shlex.quote(str(command))} $SECONDS", command.text]
    if len(script) > 1:
        done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=folder, env=environment, check=False)
        if done.returncode:
            raise Stumbled(f"{page.relative_to(ROOT)} ended with exit code {done.returncode}")


@contextmanager
def serving(clone: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run `make serve` in another session until the block ends. Raises Stumbled, with its output, if it fails."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            raise Stumbled(f"port {PORT} is in use, and the pages need it")
    print("\n++ make serve, in another terminal", flush=True)
    said = clone / "serve.log"
    with (
        said.open("w") as log,
        subprocess.Popen(
            ["make", "serve"], cwd=clone, env=environment, stdout=log, stderr=log, start_new_session=True
        ) as server,
    ):
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not _listening():
                if server.poll() is not None or time.monotonic() > deadline:
                    raise Stumbled(f"make serve does not answer:\n{said.read_text()}")
                time.sleep(0.5)
            yield
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGINT)


def _listening() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", PORT)) == 0


if __name__ == "__main__":
    if shutil.which("git") is None:
        sys.exit("git is needed")
    sys.exit(main())

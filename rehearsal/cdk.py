"""Run the real CDK CLI and the client's command line, as a user of this machine would."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pneumonia_cli.local.names import ACCOUNT, REGION
from rehearsal.cdk_docker import REGISTRY_VARIABLE, TAGS_VARIABLE

ROOT = Path(__file__).resolve().parent.parent


class CommandFailed(Exception):
    """A command exited with an error. The message ends with its output."""


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, fine: Sequence[int] = (0,)) -> str:
    """Run a command and return its output. Raise CommandFailed unless its exit code is one of `fine`."""
    done = subprocess.run(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode not in fine:
        raise CommandFailed(f"{' '.join(command[:8])} exited with {done.returncode}:\n{done.stdout[-6000:]}")
    return done.stdout


def copy_tree(target: Path) -> None:
    """Copy to `target` all files that git tracks or would add, so that a rehearsal can change the copy."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        source, copied = ROOT / name, target / name
        if source.is_file():  # git also lists deleted files
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copied)


@dataclass(frozen=True)
class Cdk:
    """The CLI in a source tree of this project. `tags` is the file for the names of all images that it builds."""

    cli: str
    tree: Path
    registry: str
    tags: Path

    def bootstrap(self) -> str:
        return self._run("bootstrap", f"aws://{ACCOUNT}/{REGION}")

    def deploy(self, context: Mapping[str, str], fine: Sequence[int] = (0,)) -> str:
        # moto executes change sets, but reports a failed one as successful.
        return self._run("deploy", "--method=direct", "--require-approval=never", *_context(context), fine=fine)

    def diff(self, context: Mapping[str, str]) -> str:
        """Return the output. Raise CommandFailed if there is a difference."""
        return self._run("diff", "--fail", "--method=template", *_context(context))

    def destroy(self, context: Mapping[str, str]) -> str:
        return self._run("destroy", "--force", *_context(context))

    def _run(self, command: str, *arguments: str, fine: Sequence[int] = (0,)) -> str:
        bin_folder = Path(sys.executable).parent  # with python3, node and npx of this environment
        docker = self.tags.parent / "docker-for-cdk"
        docker.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rehearsal.cdk_docker "$@"\n')
        docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
        temporary = self.tags.parent / "temporary"
        temporary.mkdir(exist_ok=True)
        env = {
            **os.environ,
            "TMPDIR": str(temporary),  # the CLI and the CDK's own programs leave folders behind
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            # Import the modules of this tree, because a rehearsal changes the copy.
            "PYTHONPATH": f"{ROOT / 'lambda_src'}{os.pathsep}{ROOT}",
            "CDK_DOCKER": str(docker),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "npm_config_prefer_offline": "true",  # a pinned version needs no request once it is cached
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
            REGISTRY_VARIABLE: self.registry,
            TAGS_VARIABLE: str(self.tags),
        }
        command_line = [str(bin_folder / "npx"), "--yes", self.cli, command, "--no-color", "--ci", *arguments]
        return run(command_line, cwd=self.tree, env=env, fine=fine)


def _context(context: Mapping[str, str]) -> list[str]:
    return [part for name, value in context.items() for part in ("-c", f"{name}={value}")]

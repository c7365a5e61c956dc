"""Look up known vulnerabilities of every locked package in an online database, with pip-audit (`make audit`).

    python -m tools.audit [--strict]

The exit code is 1 if a vulnerability is known. If the database gave no answer for a package, pip-audit still reports
"no known vulnerabilities". This program therefore counts the answers. If answers are missing, it prints a message; with
--strict, the exit code is then 2.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = (
    "lambda_src/requirements.txt",
    "pneumonia_cli/requirements.txt",
    "requirements.txt",
)
"""The lock files: first of the deployed code, then of an operator's machine."""
TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Findings:
    """`known`: "package version: id" of each vulnerability. `silent`: packages without an answer."""

    known: tuple[str, ...]
    answered: tuple[str, ...]
    silent: tuple[str, ...]

    @classmethod
    def of(cls, report: dict[str, Any]) -> "Findings":
        """Read a report of pip-audit in JSON format."""
        packages = report["dependencies"]
        return cls(
            tuple(
                f"{package['name']} {package['version']}: {found['id']}"
                for package in packages
                for found in package.get("vulns", ())
            ),
            tuple(package["name"] for package in packages if "skip_reason" not in package),
            tuple(package["name"] for package in packages if "skip_reason" in package),
        )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make audit", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--strict", action="store_true", help="exit with 2 if the database gave no answer")
    strict = parser.parse_args(argv).strict
    codes = [_told(lock, findings(ROOT / lock), strict) for lock in LOCKS]
    return 1 if 1 in codes else max(codes)


def findings(lock: Path) -> Findings | None:
    """Return the known vulnerabilities of the packages in a lock file; None if the database cannot be reached."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", str(lock)),
            *("--format", "json", "--progress-spinner", "off", "--timeout", str(TIMEOUT_SECONDS)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return Findings.of(json.loads(done.stdout))
    except ValueError:  # pip-audit failed before it wrote a report
        return None


def _told(lock: str, found: Findings | None, strict: bool) -> int:
    """Print the results and return the exit code."""
    if found is None:
        print(f"SKIPPED {lock}: the database of vulnerabilities cannot be reached")
        return 2 if strict else 0
    for known in found.known:
        print(f"VULNERABLE {lock}: {known}")
    print(f"{lock}: {len(found.answered)} packages checked, {len(found.known)} vulnerabilities known")
    if found.silent:
        print(f"SKIPPED {lock}: no answer about {len(found.silent)} packages ({', '.join(found.silent)})")
    if found.known:
        return 1
    return 2 if strict and found.silent else 0


if __name__ == "__main__":
    sys.exit(main())

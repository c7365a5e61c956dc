"""Assemble the page, and each document, as one HTML file.

Every separate file would need another call of the function, and a new AWS account runs at most ten calls at once. This
module therefore inlines the style sheets, scripts and small pictures that the index names. Each script becomes a
function that returns its exports, so the names inside a module stay private, as they do when a browser loads modules.
"""

import base64
import graphlib
import re
from dataclasses import dataclass
from pathlib import Path

INDEX = "index.html"
PICTURE_TYPES = {".svg": "image/svg+xml", ".jpg": "image/jpeg"}

_STYLE = re.compile(r'<link rel="stylesheet" href="/page/([\w-]+\.css)">\n')
_SCRIPT = re.compile(r'<script type="module" src="/page/([\w-]+)\.js"></script>\n')
_PICTURE = re.compile(r'(?<=(?:src|ref)=")/page/([\w-]+(\.svg|\.jpg))(?=")')
_IMPORT = re.compile(r'^import (?:\* as (\w+)|\{([^}]*)\}) from "\./([\w-]+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:const|function|class) (\w+))", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b|</script|<!--", re.MULTILINE)


@dataclass(frozen=True)
class OnePage:
    """An assembled document.

    Attributes:
        html: the whole document.
        script_hash, style_hash: hashes of the only script and the only style sheet, as sources for a
            Content-Security-Policy: 'sha256-...' with the quotes. `script_hash` is 'none' without a script.
    """

    html: str
    script_hash: str
    style_hash: str


def assemble(folder: Path, name: str = INDEX) -> OnePage:
    """Return a document of the folder, with all files that it names inlined.

    Raises ValueError if a script uses an unsupported form of import or export, and graphlib.CycleError if scripts
    import each other in a cycle.
    """
    index = _read(folder / name)
    style = "".join(_read(folder / name) for name in _STYLE.findall(index))
    entries = _SCRIPT.findall(index)
    script = _bundle(folder, entries)
    html = _PICTURE.sub(lambda found: _data_uri(folder / found[1]), index)
    html = _in_place_of_first(_STYLE, f"<style>{style}</style>\n", html)
    if not entries:
        return OnePage(html, "'none'", _source(style))
    html = _in_place_of_first(_SCRIPT, f'<script type="module">{script}</script>\n', html)
    return OnePage(html, _source(script), _source(style))


def _bundle(folder: Path, entries: list[str]) -> str:
    texts: dict[str, str] = {}
    needed: dict[str, list[str]] = {}
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name not in texts:
            texts[name] = _read(folder / f"{name}.js")
            needed[name] = [found[2] for found in _IMPORT.findall(texts[name])]
            waiting += needed[name]
    return "\n".join(_as_function(name, texts[name]) for name in graphlib.TopologicalSorter(needed).static_order())


def _as_function(name: str, text: str) -> str:
    names = [found[1] for found in _EXPORT.findall(text)]
    body = _EXPORT.sub(r"\1", _IMPORT.sub(_as_constant, text))
    left = _LEFT.search(body)
    if left is not None:
        raise ValueError(f"{name}.js: {body[left.start() :].partition(chr(10))[0]!r} cannot go into the page.")
    return f"const {_variable(name)} = (() => {{\n{body}\nreturn {{ {', '.join(names)} }};\n}})();"


def _as_constant(found: re.Match[str]) -> str:
    whole, names, module = found.groups()
    # `{a as b}` in an import becomes `{a: b}` when an object is destructured.
    return f"const {whole or '{' + names.replace(' as ', ': ') + '}'} = {_variable(module)};"


def _variable(name: str) -> str:
    return "module_" + name.replace("-", "_")


def _in_place_of_first(pattern: re.Pattern[str], text: str, html: str) -> str:
    """Replace the first match with the text, and remove the other matches."""
    first = pattern.search(html)
    if first is None:
        raise ValueError(f"The document has no {pattern.pattern}.")
    return html[: first.start()] + text + pattern.sub("", html[first.end() :])


def _data_uri(path: Path) -> str:
    return f"data:{PICTURE_TYPES[path.suffix]};base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _source(text: str) -> str:
    # Imported here, because it loads OpenSSL: 7 MB that most starts do not need (docs/performance.md).
    import hashlib

    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")

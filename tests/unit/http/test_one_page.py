import base64
import graphlib
import hashlib
from pathlib import Path

import pytest

from pneumonia.http.one_page import assemble
from pneumonia.http.pages import FOLDER

INDEX = """<!doctype html>
<link rel="icon" href="/page/icon.svg">
<link rel="stylesheet" href="/page/a.css">
<link rel="stylesheet" href="/page/b.css">
<script type="module" src="/page/main.js"></script>
<body></body>
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, {"index.html": INDEX, "icon.svg": "<svg/>", "a.css": "a {}\n", "b.css": "b {}\n"})
    write(tmp_path, {"main.js": 'import { two as double } from "./numbers.js";\nconsole.log(double(1));\n'})
    write(tmp_path, {"numbers.js": "const FACTOR = 2;\nexport function two(x) { return FACTOR * x; }\n"})
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def test_styles_scripts_and_icon_are_inside(folder: Path) -> None:
    html = assemble(folder).html
    assert "<style>a {}\nb {}\n</style>" in html
    assert "/page/" not in html
    assert "data:image/svg+xml;base64," + base64.b64encode(b"<svg/>").decode() in html
    assert html.index("function two") < html.index("console.log")
    assert "const {two: double} = module_numbers;" in html.replace("{ two: double }", "{two: double}")


def test_a_document_needs_no_script(folder: Path) -> None:
    write(folder, {"plain.html": '<link rel="stylesheet" href="/page/a.css">\n<p>No script</p>\n'})
    page = assemble(folder, "plain.html")
    assert (page.html, page.script_hash) == ("<style>a {}\n</style>\n<p>No script</p>\n", "'none'")


def test_the_names_of_a_script_are_private(folder: Path) -> None:
    write(
        folder, {"main.js": 'import * as all from "./numbers.js";\nconst FACTOR = 3;\nconsole.log(all.two(FACTOR));\n'}
    )
    html = assemble(folder).html
    assert "const all = module_numbers;" in html
    assert "const module_numbers = (() => {\nconst FACTOR = 2;" in html
    assert "return { two };" in html


def test_the_hashes_are_of_the_text_between_the_tags(folder: Path) -> None:
    page = assemble(folder)
    for tag, end, source in (
        ('<script type="module">', "</script>", page.script_hash),
        ("<style>", "</style>", page.style_hash),
    ):
        inside = page.html.partition(tag)[2].partition(end)[0]
        assert source == f"'sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'"


@pytest.mark.parametrize(
    "line",
    [
        'export { two } from "./numbers.js";', 'import "./numbers.js";', "export default 1;",
        "export let changing = 1;", 'const text = "</script>";', "// <!--",
    ],
)  # fmt: skip
def test_unsupported_imports_and_exports_are_refused(folder: Path, line: str) -> None:
    write(folder, {"main.js": f"{line}\n"})
    with pytest.raises(ValueError, match=r"main\.js: .* cannot go into the page"):
        assemble(folder)


def test_a_cycle_of_imports_is_refused(folder: Path) -> None:
    write(folder, {"numbers.js": 'import { x } from "./main.js";\nexport function two() {}\n'})
    with pytest.raises(graphlib.CycleError):
        assemble(folder)


def test_every_script_and_style_sheet_of_the_page_is_in_it() -> None:
    html = assemble(FOLDER).html
    for path in FOLDER.glob("*.js"):
        assert f"const module_{path.stem.replace('-', '_')} = " in html
    document = assemble(FOLDER, "model-card.html").html
    for path in FOLDER.glob("*.css"):
        assert path.read_text(encoding="utf-8") in (document if path.name == "document.css" else html)

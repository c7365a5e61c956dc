import re

import pytest

from pneumonia.http.documents import CARD_MD
from pneumonia.http.markdown import to_html
from pneumonia.settings import default_model_dir


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("# A `b` & c", "<h1>A <code>b</code> &amp; c</h1>"),
        ("## Two\nand more", "<h2>Two</h2>\n<p>and more</p>"),
        ("one\ntwo\n\nthree", "<p>one two</p>\n<p>three</p>"),
        ("> said\n> twice", "<blockquote><p>said twice</p></blockquote>"),
        ("- a\n- b\n  of b", "<ul><li>a</li><li>b\n  of b</li></ul>"),
        ("**0.9 (0.8-1.0)**", "<p><strong>0.9 (0.8-1.0)</strong></p>"),
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>"),
        ("[a](https://example.org/b)", '<p><a href="https://example.org/b" rel="noopener noreferrer">a</a></p>'),
        ("[a](javascript:b)", "<p>[a](javascript:b)</p>"),
        ("<!-- do not edit -->", ""),
        ("one\n\n<!-- do\nnot edit -->\n\ntwo", "<p>one</p>\n<p>two</p>"),
        ("<!-- no end <b>", "<p>&lt;!-- no end &lt;b&gt;</p>"),
        ("| |\n|---|\n| ![plot](plots/a.png) |", ""),
    ],
)
def test_supported_markdown(text: str, made: str) -> None:
    assert to_html(text) == made


def test_a_table_has_heads_and_a_name() -> None:
    made = to_html("| | a `b` |\n|---|---|\n| c | 1 |")
    assert 'aria-label="a b"' in made
    assert '<thead><tr><td></td><th scope="col">a <code>b</code></th></tr></thead>' in made
    assert "<tbody><tr><td>c</td><td>1</td></tr></tbody>" in made


def test_the_card_that_ships_is_converted_completely() -> None:
    text = (default_model_dir() / CARD_MD).read_text(encoding="utf-8")
    words = re.sub("<[^>]+>", "", to_html(text))
    assert re.findall(r"^\s*(?:#|>|\||- )|`|\*\*|!\[|\]\(", words, re.M) == []
    assert len(words) > len(text) / 2

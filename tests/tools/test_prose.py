import re
from pathlib import Path

import pytest

from tools import prose

# A word that no text of the repository has: this file is checked like all others.
VOCABULARY = {re.compile(r"\bredoo\b", re.IGNORECASE): "again"}


def found(name: str, text: str) -> list[str]:
    return list(prose.refused(Path(name), text, VOCABULARY))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "Start it redoo.\n"),
        ("module.py", '"""Start it redoo."""\n'),
        ("module.py", "start()  # start it redoo\n"),
        ("module.py", 'raise ValueError(f"start {it} redoo")\n'),
        ("page.html", "<p>Start it <b>redoo</b>.</p>\n"),
        ("page.js", "say(`Start it redoo`); // now\n"),
        ("page.js", "start(); // start it redoo\n"),
        ("style.css", "/* start it redoo */\n"),
        ("job.yml", "  # start it redoo\n"),
        ("Makefile", "start: ## Start it redoo\n"),
    ],
)
def test_a_word_in_prose_is_refused_with_its_replacement(name: str, text: str) -> None:
    assert found(name, text) == [f"{name}:1: “redoo”: write again"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "Run `redoo` or see [it](redoo.md).\n\n```\nredoo\n```\n"),
        ("page.md", "The setting of redoo_files in docs/redoo.\n"),
        ("module.py", "redoo = start(redoo=True)['redoo']\n"),
        ("module.py", 'execute("SELECT name FROM redoo")\n'),
        ("page.js", 'start("redoo", redoo);\n'),
        ("picture.png", "redoo"),
    ],
)
def test_names_paths_and_code_are_not_prose(name: str, text: str) -> None:
    assert found(name, text) == []


def test_the_line_of_the_word_is_printed() -> None:
    assert found("module.py", 'x = 1\n\n"""First.\n\nThen\nredoo.\n"""\n') == ["module.py:6: “redoo”: write again"]


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("What_is_lost_comes_again.", True),
        ("# What_is_lost", False),
        ("What_is_lost?", False),
        ("This_is_what_is_lost.", False),
        ("It_stays_as_it_is.", True),
        ("Used_as_it_is_served.", False),
        ("It_stands_in_the_log.", True),
        ("It_stands_in_for_the_log.", False),
    ],
)
def test_the_vocabulary_allows_plain_phrases(text: str, refused: bool) -> None:
    # Underscores, so that the check of this file does not refuse the examples.
    assert bool(list(prose.refused(Path("page.md"), text.replace("_", " "), prose.words()))) is refused


def test_only_files_of_the_repository_are_read() -> None:
    names = prose.tracked(["tools"])
    assert Path("tools/prose.py") in names
    assert not [name for name in names if "__pycache__" in name.parts]


def test_found_words_set_the_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                                           tmp_path: Path) -> None:  # fmt: skip
    words = prose.words
    vocabulary = tmp_path / "vocabulary.toml"
    vocabulary.write_text("[words]\n'redoo' = 'again'\n", encoding="utf-8")
    monkeypatch.setattr(prose, "words", lambda: words(vocabulary))
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    monkeypatch.setattr(prose, "tracked", lambda paths: [Path("one.md")])
    (tmp_path / "one.md").write_text("Start it again.\n", encoding="utf-8")
    assert prose.main([]) == 0
    (tmp_path / "one.md").write_text("Start it redoo.\n", encoding="utf-8")
    assert prose.main([]) == 1
    assert capsys.readouterr().out == "one.md:1: “redoo”: write again\n"

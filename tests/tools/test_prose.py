from pathlib import Path

import pytest

from tools import prose

VOCABULARY = prose.words()


def found(name: str, text: str) -> list[str]:
    return list(prose.refused(Path(name), text, VOCABULARY))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "Start it anew.\n"),
        ("module.py", '"""Start it anew."""\n'),
        ("module.py", "start()  # start it anew\n"),
        ("module.py", 'raise ValueError(f"start {it} anew")\n'),
        ("page.html", "<p>Start it <b>anew</b>.</p>\n"),
        ("page.js", "say(`Start it anew`); // now\n"),
        ("page.js", "start(); // start it anew\n"),
        ("style.css", "/* start it anew */\n"),
        ("job.yml", "  # start it anew\n"),
        ("Makefile", "start: ## Start it anew\n"),
    ],
)
def test_a_word_in_prose_is_refused_with_what_to_write(name: str, text: str) -> None:
    assert found(name, text) == [f"{name}:1: “anew”: write again"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "Run `anew` or see [it](anew.md).\n\n```\nanew\n```\n"),
        ("page.md", "The setting of anew_files in docs/anew.\n"),
        ("module.py", "anew = start(anew=True)['anew']\n"),
        ("page.js", 'start("anew", anew);\n'),
        ("picture.png", "anew"),
    ],
)
def test_names_paths_and_code_are_not_prose(name: str, text: str) -> None:
    assert found(name, text) == []


def test_the_line_is_that_of_the_word() -> None:
    assert found("module.py", 'x = 1\n\n"""First.\n\nThen\nanew.\n"""\n') == ["module.py:6: “anew”: write again"]


def test_only_files_of_the_repository_are_read() -> None:
    names = prose.tracked(["tools"])
    assert Path("tools/prose.py") in names
    assert not [name for name in names if "__pycache__" in name.parts]


def test_what_is_found_makes_the_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                                           tmp_path: Path) -> None:  # fmt: skip
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    monkeypatch.setattr(prose, "tracked", lambda paths: [Path("one.md")])
    (tmp_path / "one.md").write_text("Start it again.\n", encoding="utf-8")
    assert prose.main([]) == 0
    (tmp_path / "one.md").write_text("Start it anew.\n", encoding="utf-8")
    assert prose.main([]) == 1
    assert capsys.readouterr().out == "one.md:1: “anew”: write again\n"

import re
from pathlib import Path

import pytest

from pneumonia.errors import PneumoniaError
from pneumonia.handlers import api, backfill, release_check, worker  # noqa: F401 - so that all errors are defined
from tools import error_table
from tools.error_messages import Unresolved, error_kinds, first_sentence

KINDS = {kind.name: kind for kind in error_kinds()}
SOURCE = """
from pneumonia.errors import PneumoniaError

LIMIT = 3
ADVICE = "Send less."

class TooMany(PneumoniaError):
    code = "too_many"
    status = 413
    title = "Too many"

def why(found):
    if found:
        return TOLD
    return f"The {found.kind} has {len(found)} parts, more than {LIMIT}. {ADVICE}"

TOLD = "Told. And more."

def check(found, text):
    reason = "It is broken. Fix it." if found else why(found)
    raise TooMany(reason)
    raise TooMany(text)
    raise TooMany(why(found)) from None
"""


def runtime_errors(base: type[PneumoniaError] = PneumoniaError) -> set[type[PneumoniaError]]:
    found = {base}.union(*(runtime_errors(each) for each in base.__subclasses__()))
    return {each for each in found if each.__module__.startswith("pneumonia.")}


def test_the_document_has_the_table_of_the_code() -> None:
    document = error_table.FORMATS_MD.read_text(encoding="utf-8")
    assert document == error_table.render(document), "an error has changed: make error-table"


def test_every_error_is_in_it_with_its_status_and_a_cause() -> None:
    assert KINDS.keys() == {each.__name__ for each in runtime_errors()}
    for each in runtime_errors():
        kind = KINDS[each.__name__]
        assert (kind.code, kind.status, kind.title) == (each.code, each.status, each.title)
        assert kind.public_detail == each.public_detail
        assert kind.causes, f"nothing makes a {kind.name}, or its message is not found"


def test_causes_are_distinct() -> None:
    for kind in KINDS.values():
        assert len(kind.causes) == len(set(kind.causes))
    causes = KINDS["UndecodableImage"].causes
    for words in ("truncated", "no pixel data", "which is not supported", "damaged"):
        assert [cause for cause in causes if words in cause], words


def test_every_refusal_says_what_to_do() -> None:
    """A message of one sentence must say what to do."""
    said = re.compile(r"must|needed|limit|more than|Send|Sign|send|encode|answers|takes|Supported formats", re.DOTALL)
    for kind in KINDS.values():
        if kind.status < 500 and kind.public_detail is None:
            for message in kind.messages:
                assert first_sentence(message) != message or said.search(message), f"{kind.code}: {message}"


def test_messages_are_found_in_every_form(tmp_path: Path) -> None:
    base = "class PneumoniaError(Exception):\n    code = 'x'\n    status = 500\n    title = 'X'\n"
    (tmp_path / "errors.py").write_text(base)
    (tmp_path / "some.py").write_text(SOURCE)
    (found,) = [kind for kind in error_kinds(tmp_path) if kind.name == "TooMany"]
    assert (found.code, found.status, found.title) == ("too_many", 413, "Too many")
    assert found.causes == ("It is broken.", "Told.", "The {kind} has {…} parts, more than 3.")
    assert found.messages[-1].endswith("Send less.")


def test_a_message_that_cannot_be_found_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(SOURCE + "\nraise TooMany(LIMIT * 3)\n")
    with pytest.raises(Unresolved, match=r"LIMIT \* 3"):
        error_kinds(tmp_path)

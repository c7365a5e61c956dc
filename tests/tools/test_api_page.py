import re
from html import unescape
from typing import Any

import pytest

from pneumonia.http.documents import DOCS_HTML
from tools.api_page.bodies import rows, type_words
from tools.api_page.calls import call_of
from tools.api_page.page import render
from tools.api_page.samples import samples
from tools.error_messages import error_kinds
from tools.openapi.document import document
from tools.openapi.schemas import EXAMPLE_ID

HTML = DOCS_HTML.read_text(encoding="utf-8")


def item(content: dict[str, Any] | None = None, **operation: Any) -> dict[str, Any]:
    """Return the entry of a path with a POST that returns JSON."""
    body = {"requestBody": {"content": content}} if content else {}
    return {
        "post": {"operationId": "try", "responses": {"200": {"content": {"application/json": {}}}}} | body | operation
    }


def test_the_shipped_file_is_generated() -> None:
    assert render(document()) == HTML, "run: make openapi"


def test_every_code_has_a_section_with_the_texts_that_callers_get() -> None:
    for kind in error_kinds():
        section = HTML.partition(f' id="{kind.code}"')[2].partition("</section>")[0]
        assert str(kind.status) in section, kind.code
        text = unescape(re.sub("<[^>]+>", "", section)).replace("`", "")
        for words in (kind.title, kind.public_detail or kind.messages[0].replace("`", "")):
            assert words in text


def test_every_route_has_a_section_with_samples() -> None:
    for path, entry in document()["paths"].items():
        for method, operation in entry.items():
            if method != "parameters":
                section = HTML.partition(f' id="{operation["operationId"]}"')[2].partition("</section>")[0]
                assert section.count("<figure") == 3
                assert f'aria-label="{method.upper()} {path} in Python"' in section


def test_the_page_hides_the_messages_for_the_log() -> None:
    assert "AUTH_SECRET_ID" not in HTML


def test_an_id_that_only_a_call_returns_is_a_variable() -> None:
    entry = item({"application/json": {"example": {"id": EXAMPLE_ID, "verdict": "agree"}}})
    made = samples(call_of("POST", "/feedback", entry))
    assert EXAMPLE_ID not in "".join(made.values())
    assert '<<END\n{"id": "$UPLOAD_ID", "verdict": "agree"}\nEND' in made["curl"]
    assert 'json={"id": upload_id, "verdict": "agree"}' in made["python"]
    assert 'JSON.stringify({"id": UPLOAD_ID, "verdict": "agree"})' in made["js"]


def test_a_public_route_gets_no_token() -> None:
    made = samples(call_of("POST", "/open", item(security=[])))
    assert "TOKEN" not in "".join(made.values())


def test_a_body_that_samples_do_not_support_is_refused() -> None:
    with pytest.raises(ValueError, match=r"try: no sample can be made of text/csv"):
        call_of("POST", "/table", item({"text/csv": {}}))


def test_types_in_words() -> None:
    assert type_words({"$ref": "#/components/schemas/Model"}) == '<a href="#schema-Model">Model</a>'
    assert type_words({"enum": ["a<b", None]}) == "<code>a&lt;b</code>, <code>null</code>"
    assert type_words({"type": "number", "minimum": 0, "maximum": 1}) == "number from 0 to 1"
    assert type_words({"type": "array", "items": {"type": ["boolean", "null"]}}) == "array of boolean or null"
    assert (
        type_words({"anyOf": [{"const": "x"}, {"type": "integer", "minimum": 1}]}) == "<code>x</code> or integer from 1"
    )


def test_members_of_an_object_inside_follow_it() -> None:
    inner = {"type": "object", "required": ["b"], "properties": {"b": {"type": "string", "description": "Inner"}}}
    schema = {"properties": {"a": {"anyOf": [inner, {"type": "null"}]}, "c": {"type": "string"}}, "required": ["a"]}
    assert list(rows(schema)) == [
        ("a", "object or null", ""),
        ("a.b", "string", "Inner"),
        ("c", "string; optional", ""),
    ]

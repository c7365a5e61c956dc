"""Render the page of GET /docs: the OpenAPI description and all errors in the code, as one HTML document."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tools.api_page.bodies import rows, type_words
from tools.api_page.calls import call_of
from tools.api_page.samples import LANGUAGES, samples
from tools.error_messages import ErrorKind, error_kinds

CLIENTS_MD = Path(__file__).resolve().parents[2] / "docs" / "clients.md"

_METHODS = ("get", "post")
_MARKED = re.compile(r"`([^`]+)`")
_PROGRAM = re.compile(r"^```(python|js|sh)\n(.*?)\n```", re.M | re.S)
_PROGRAM_LANGUAGES = {"sh": "curl", "python": "python", "js": "js"}


@dataclass(frozen=True)
class Answer:
    """The response of a route with one status. `bodies`: its bodies as HTML. `codes`: the codes of its errors."""

    status: str
    description: str
    bodies: Markup
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Operation:
    """A route as the page shows it. `takes`: types of its request body. `example`: its first response, as JSON."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    guarded: bool
    parameters: tuple[dict[str, Any], ...]
    takes: tuple[tuple[str, Markup], ...]
    answers: tuple[Answer, ...]
    example: str
    samples: Mapping[str, str]


def render(document: Mapping[str, Any]) -> str:
    """Return the HTML document, with links to its style sheets. `document`: the description of the API.

    Raises ValueError for a body that samples do not support, and Unresolved for an error whose text is not found.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"marks": _marks, "type_words": type_words, "breakable": _breakable}
    operations = list(_operations(document))
    return environment.get_template("docs.html.j2").render(
        info=document["info"],
        groups=[
            (tag, [each for each in operations if _tag(document, each) == tag["name"]]) for tag in document["tags"]
        ],
        schemas=[(name, schema, list(rows(schema))) for name, schema in document["components"]["schemas"].items()],
        kinds=_explained(),
        example=json.dumps(document["components"]["examples"]["too_large"]["value"], indent=2),
        routes_of=lambda code: [each for each in operations if any(code in answer.codes for answer in each.answers)],
        languages=LANGUAGES,
        programs={_PROGRAM_LANGUAGES[name]: text for name, text in _PROGRAM.findall(CLIENTS_MD.read_text("utf-8"))},
    )


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method in (method for method in _METHODS if method in item):
            operation = item[method]
            content = operation.get("requestBody", {}).get("content", {})
            yield Operation(
                id=operation["operationId"],
                method=method.upper(),
                path=path,
                summary=operation["summary"],
                description=operation.get("description", ""),
                guarded=operation.get("security") != [],
                parameters=(*item.get("parameters", ()), *operation.get("parameters", ())),
                takes=tuple((name, _body_words(media["schema"])) for name, media in content.items()),
                answers=tuple(_answers(operation["responses"])),
                example=_example(operation["responses"]),
                samples=samples(call_of(method.upper(), path, item)),
            )


def _answers(responses: Mapping[str, Any]) -> Iterator[Answer]:
    for status, response in sorted(responses.items()):
        content = response.get("content", {})
        problems = content.get("application/problem+json", {}).get("examples", {})
        bodies = Markup(", ").join(
            Markup("<code>{}</code> {}").format(name, _body_words(media["schema"]))
            for name, media in content.items()
            if not problems
        )
        yield Answer(status, response["description"], bodies, tuple(problems))


def _body_words(schema: dict[str, Any]) -> Markup:
    """Return the schema in words; empty if the content type is description enough."""
    return type_words(schema) if "$ref" in schema or "oneOf" in schema else Markup("")


def _example(responses: Mapping[str, Any]) -> str:
    first = responses[min(status for status in responses if status.startswith("2"))]
    media = first.get("content", {}).get("application/json", {})
    given = [media["example"]] if "example" in media else [each["value"] for each in media.get("examples", {}).values()]
    return json.dumps(given[0], indent=2, ensure_ascii=False) if given else ""


def _tag(document: Mapping[str, Any], operation: Operation) -> str:
    return str(document["paths"][operation.path][operation.method.lower()]["tags"][0])


def _explained() -> list[tuple[ErrorKind, list[str]]]:
    """Return every error with the different texts that callers can get."""
    return [
        (kind, list(dict.fromkeys((kind.public_detail,) if kind.public_detail else kind.messages)))
        for kind in error_kinds()
    ]


def _breakable(name: str) -> Markup:
    """Return a name that narrow screens may break after an underscore."""
    return escape(name).replace("_", Markup("_<wbr>"))


def _marks(text: str) -> Markup:
    """Return text with `code` in backticks as HTML."""
    parts = enumerate(_MARKED.split(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in parts
    )

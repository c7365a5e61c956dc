"""Derive an example call of each route from the OpenAPI description. The samples in all languages show this call."""

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from tools.openapi.schemas import EXAMPLE_ID

VARIABLE = "UPLOAD_ID"
"""The environment variable for an upload id. The id has no example, because only a call returns a valid one."""

DICOM_PART = "multipart/related"
"""The content type of DICOMweb requests, which hold one file in each part."""

# Content types by preference: a sample sends the first of these that the route accepts.
_SENT = ("image/png", "application/json", DICOM_PART)
_EXTENSIONS = {"image/png": ".png", "text/html": ".html"}


@dataclass(frozen=True)
class Call:
    """One example call of a route.

    Attributes:
        path: the path, with `{UPLOAD_ID}` for the variable.
        query: the query with its question mark, or "".
        guarded: whether the call needs credentials.
        sends: the kind of the body; None without a body.
        content_type: the type of the body.
        body: the example of a JSON body.
        saved_as: the file for a response that is not JSON; None for JSON.
    """

    method: str
    path: str
    query: str
    guarded: bool
    sends: Literal["image", "json", "related"] | None
    content_type: str
    body: Any
    saved_as: str | None

    @property
    def uses_variable(self) -> bool:
        return f"{{{VARIABLE}}}" in self.path or (isinstance(self.body, dict) and EXAMPLE_ID in self.body.values())


def call_of(method: str, path: str, item: dict[str, Any]) -> Call:
    """Return the call for an operation. `item`: the entry of its path in the description.

    Raises ValueError for a body that samples do not support.
    """
    operation = item[method.lower()]
    parameters = [*item.get("parameters", ()), *operation.get("parameters", ())]
    for parameter in parameters:
        if parameter["in"] == "path":
            given = parameter["example"]
            path = path.replace(f"{{{parameter['name']}}}", f"{{{VARIABLE}}}" if given == EXAMPLE_ID else given)
    asked = {each["name"]: each["example"] for each in parameters if each["in"] == "query" and "example" in each}
    sends, content_type, body = _body(operation)
    return Call(
        method,
        path,
        f"?{urlencode(asked)}" if asked else "",
        guarded=operation.get("security") != [],
        sends=sends,
        content_type=content_type,
        body=body,
        saved_as=_saved_as(path, operation),
    )


def _body(operation: dict[str, Any]) -> tuple[Literal["image", "json", "related"] | None, str, Any]:
    if "requestBody" not in operation:
        return None, "", None
    content = operation["requestBody"]["content"]
    for wanted in _SENT:
        name = next((name for name in content if name.partition(";")[0] == wanted), None)
        if name == "application/json":
            return "json", name, content[name]["example"]
        if name is not None and wanted == DICOM_PART:
            return "related", f'{DICOM_PART}; type="application/dicom"; boundary=part', None
        if name is not None:
            return "image", name, None
    raise ValueError(f"{operation['operationId']}: no sample can be made of {', '.join(content)}")


def _saved_as(path: str, operation: dict[str, Any]) -> str | None:
    status = next(status for status in sorted(operation["responses"]) if status.startswith("2"))
    types = list(operation["responses"][status]["content"])
    if any(name.endswith("json") for name in types):
        return None
    last = path.rpartition("/")[2]
    return last if "." in last else f"answer{_EXTENSIONS[types[0]]}"

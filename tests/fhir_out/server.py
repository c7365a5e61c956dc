"""A small FHIR server that accepts and refuses transactions as HAPI does."""

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError
from werkzeug.wrappers import Request, Response

from pneumonia_cli.local.names import HOST
from pneumonia_cli.local.wsgi_server import running
from tests.fhir_out.bindings import wrong_codes

_URN = re.compile(r"urn:uuid:[0-9a-f-]{36}")


class Refusal(Exception):
    """A refused transaction, with HTTP status and diagnostics of an OperationOutcome."""

    def __init__(self, status: int, told: str) -> None:
        super().__init__(told)
        self.status = status


@dataclass
class FhirStore:
    """A FHIR server: `resources` by `Kind/id`. `token`: required of clients. `broken`: an error status or 0."""

    url: str = ""
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    token: str = ""
    broken: int = 0
    asked: int = 0

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [resource for resource in self.resources.values() if resource["resourceType"] == kind]

    def respond(self, request: Request) -> Response:
        self.asked += 1
        try:
            if self.broken:
                raise Refusal(self.broken, "broken")
            if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
                raise Refusal(401, "no token")
            if request.method != "POST" or request.path not in ("/fhir", "/fhir/"):
                raise Refusal(404, "no such interaction")
            if not request.headers["Content-Type"].startswith("application/fhir+json"):
                raise Refusal(415, "no FHIR")
            answer = self.transaction(json.loads(request.get_data()))
            return Response(json.dumps(answer), 200, content_type="application/fhir+json")
        except Refusal as refusal:
            issue = {"severity": "error", "code": "processing", "diagnostics": str(refusal)}
            outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
            return Response(json.dumps(outcome), refusal.status, content_type="application/fhir+json")

    def transaction(self, bundle: dict[str, Any]) -> dict[str, Any]:
        """Execute a transaction completely, or raise Refusal and change nothing."""
        check(bundle)
        if bundle["type"] != "transaction":
            raise Refusal(422, "no transaction")
        places: dict[str, str] = {}
        created: list[tuple[str, dict[str, Any]]] = []
        answers = []
        for entry in bundle["entry"]:
            resource, request = entry["resource"], entry["request"]
            if request["method"] != "POST" or request["url"] != resource["resourceType"]:
                raise Refusal(400, "only creation is known here")
            found = self._matches(request["url"], request["ifNoneExist"])
            if len(found) > 1:
                raise Refusal(412, "several match")
            place = found[0] if found else f"{request['url']}/{uuid.uuid4()}"
            places[entry["fullUrl"]] = place
            if not found:
                created.append((place, resource))
            answers.append({"response": {"status": "200 OK" if found else "201 Created", "location": place}})
        for place, resource in created:
            self.resources[place] = resolved(resource, places)
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": answers}

    def _matches(self, kind: str, search: str) -> list[str]:
        """Search by an identifier with its system. Other searches are not supported."""
        name, _, token = search.partition("=")
        system, bar, value = token.partition("|")
        if name != "identifier" or not bar or not system or not value:
            raise Refusal(400, "not a search for an identifier")
        return [
            place
            for place, resource in self.resources.items()
            if place.startswith(f"{kind}/") and {"system": system, "value": value} in resource["identifier"]
        ]


def check(document: dict[str, Any]) -> None:
    """Check the structure with fhir.resources, and codes with the required bindings. Raises Refusal."""
    try:
        get_fhir_model_class(document["resourceType"]).model_validate(document)
    except ValidationError as error:
        raise Refusal(422, str(error)) from None
    if wrong := wrong_codes(document):
        raise Refusal(422, "; ".join(wrong))


def resolved(value: Any, places: dict[str, str]) -> Any:
    """Replace references to entries of the bundle by references to stored resources. Refuse other URN references."""
    if isinstance(value, list):
        return [resolved(item, places) for item in value]
    if not isinstance(value, dict):
        return value
    answer = {name: resolved(item, places) for name, item in value.items()}
    reference = answer.get("reference")
    if isinstance(reference, str) and _URN.fullmatch(reference):
        if reference not in places:
            raise Refusal(400, "a reference to no entry")
        answer["reference"] = places[reference]
    return answer


@contextmanager
def fhir_server() -> Iterator[FhirStore]:
    """Run a server on 127.0.0.1."""
    store = FhirStore()
    with running(Request.application(store.respond), 0) as port:
        store.url = f"http://{HOST}:{port}/fhir"
        yield store

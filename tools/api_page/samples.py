"""Write an example call as a program that readers can copy, in curl, Python and JavaScript.

Each program takes the address of the service from `SERVICE` and the token from `TOKEN`, and sends the file `image.png`
(DICOMweb: `image.dcm`). A test runs every program as the page shows it.
"""

import json
from collections.abc import Mapping
from typing import Final

from tools.api_page.calls import VARIABLE, Call
from tools.openapi.schemas import EXAMPLE_ID

LANGUAGES: Final = {"curl": "curl", "python": "Python", "js": "JavaScript"}
"""Key of a language -> its name on the page."""

_PLACE = f"{{{VARIABLE}}}"
_IMAGE = "image.png"
_DICOM = "image.dcm"

# The text before and after the only file of a multipart/related body. All three languages read its escapes the same.
_BEFORE_PART = r"--part\r\nContent-Type: application/dicom\r\n\r\n"
_AFTER_PART = r"\r\n--part--\r\n"

# For this route, the API returns a signed form. The file then goes to S3 without the caller's credentials.
_UPLOADS = "/uploads"
_UPLOAD_IN_CURL = f"""\
jq --raw-output '.upload.fields | to_entries[] | "form-string = \\("\\(.key)=\\(.value)" | @json)"' upload.json |
  curl --fail-with-body --config - --form file=@{_IMAGE} "$(jq --raw-output .upload.url upload.json)"
jq --raw-output .result upload.json"""
_UPLOAD_IN_PYTHON = f"""\
upload = response.json()["upload"]
with open("{_IMAGE}", "rb") as file:
    sent = requests.post(upload["url"], data=upload["fields"], files={{"file": file}}, timeout=300)
sent.raise_for_status()
print(response.json()["result"])"""
_UPLOAD_IN_JS = f"""\
const {{ upload, result }} = await response.json();
const form = new FormData();
for (const [name, value] of Object.entries(upload.fields)) form.append(name, value);
form.append("file", new Blob([await readFile("{_IMAGE}")]));
const sent = await fetch(upload.url, {{ method: "POST", body: form }});
if (!sent.ok) throw new Error(await sent.text());
console.log(result);"""


def samples(call: Call) -> Mapping[str, str]:
    """Return the call in every language of `LANGUAGES`."""
    return {"curl": _curl(call), "python": _python(call), "js": _js(call)}


def _curl(call: Call) -> str:
    address = call.path.replace(_PLACE, f"${VARIABLE}") + call.query
    lines = [f'curl --fail-with-body "$SERVICE{address}"']
    before = after = ""
    if call.guarded:
        lines.append('--header "Authorization: Bearer $TOKEN"')
    if call.sends:
        lines.append("--header " + _literal(f"Content-Type: {call.content_type}"))
    if call.sends == "image":
        lines.append(f"--data-binary @{_IMAGE}")
    elif call.sends == "related":
        before = f"{{ printf -- '{_BEFORE_PART}'; cat {_DICOM}; printf -- '{_AFTER_PART}'; }} |\n  "
        lines.append("--data-binary @-")
    elif call.sends == "json" and call.uses_variable:
        lines.append("--data @- <<END")
        after = "\n" + json.dumps(call.body).replace(EXAMPLE_ID, f"${VARIABLE}") + "\nEND"
    elif call.sends == "json":
        lines.append(f"--data '{json.dumps(call.body)}'")
    if call.path == _UPLOADS:
        lines.append("--output upload.json")
        after = f"\n{_UPLOAD_IN_CURL}"
    elif call.saved_as:
        lines.append(f"--output {call.saved_as}")
    return before + " \\\n  ".join(lines) + after


def _python(call: Call) -> str:
    lines = ["import os", "", "import requests", "", 'service = os.environ["SERVICE"]']
    headers = []
    if call.guarded:
        lines.append('token = os.environ["TOKEN"]')
        headers.append('"Authorization": f"Bearer {token}"')
    if call.uses_variable:
        lines.append(f'upload_id = os.environ["{VARIABLE}"]')
    arguments = ['f"{service}' + call.path.replace(_PLACE, "{upload_id}") + call.query + '"']
    if call.sends == "json":
        body = repr(call.body).replace("'", '"')
        arguments.append("json=" + body.replace(f'"{EXAMPLE_ID}"', "upload_id"))
    elif call.sends:
        headers.append('"Content-Type": ' + _literal(call.content_type))
        lines += [
            f'with open("{_DICOM if call.sends == "related" else _IMAGE}", "rb") as file:',
            "    image = file.read()",
        ]
        part = f'b"{_BEFORE_PART}" + image + b"{_AFTER_PART}"'
        lines += [f"body = {part}"] if call.sends == "related" else []
        arguments.append("data=body" if call.sends == "related" else "data=image")
    if headers:
        lines.append(f"headers = {{{', '.join(headers)}}}")
        arguments.append("headers=headers")
    lines += [
        f"response = requests.{call.method.lower()}({', '.join([*arguments, 'timeout=90'])})",
        "if not response.ok:",
        "    raise SystemExit(response.text)",
    ]
    if call.path == _UPLOADS:
        lines.append(_UPLOAD_IN_PYTHON)
    elif call.saved_as:
        lines += [f'with open("{call.saved_as}", "wb") as file:', "    file.write(response.content)"]
    else:
        lines.append("print(response.json())")
    return "\n".join(lines)


def _js(call: Call) -> str:
    options = [] if call.method == "GET" else [f'method: "{call.method}"']
    headers = ["Authorization: `Bearer ${TOKEN}`"] if call.guarded else []
    if call.sends:
        headers.append('"Content-Type": ' + _literal(call.content_type))
    if headers:
        options.append(f"headers: {{ {', '.join(headers)} }}")
    if call.sends == "image":
        options.append(f'body: await readFile("{_IMAGE}")')
    elif call.sends == "related":
        options.append(f'body: new Blob(["{_BEFORE_PART}", await readFile("{_DICOM}"), "{_AFTER_PART}"])')
    elif call.sends == "json":
        body = json.dumps(call.body).replace(f'"{EXAMPLE_ID}"', VARIABLE)
        options.append(f"body: JSON.stringify({body})")
    variables = ["SERVICE", *(["TOKEN"] if call.guarded else []), *([VARIABLE] if call.uses_variable else [])]
    address = "`${SERVICE}" + call.path.replace(_PLACE, f"${_PLACE}") + call.query + "`"
    first = f"const response = await fetch({address}"
    reads = call.sends in ("image", "related") or call.path == _UPLOADS
    names = [name for name, used in (("readFile", reads), ("writeFile", call.saved_as)) if used]
    lines = [f'import {{ {", ".join(names)} }} from "node:fs/promises";', ""] if names else []
    lines.append(f"const {{ {', '.join(variables)} }} = process.env;")
    lines += [f"{first}, {{", *(f"  {option}," for option in options), "});"] if options else [f"{first});"]
    lines.append("if (!response.ok) throw new Error(await response.text());")
    if call.path == _UPLOADS:
        lines.append(_UPLOAD_IN_JS)
    elif call.saved_as:
        lines.append(f'await writeFile("{call.saved_as}", Buffer.from(await response.arrayBuffer()));')
    else:
        lines.append("console.log(await response.json());")
    return "\n".join(lines)


def _literal(words: str) -> str:
    """Return a literal that is valid in a shell, in Python and in JavaScript."""
    return f"'{words}'" if '"' in words else f'"{words}"'

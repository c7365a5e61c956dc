"""The versions of the command, the model and the API."""

import json
import tomllib
from importlib.metadata import version
from importlib.resources import files

from pneumonia_cli.bundled import MODEL_DIR, PYPROJECT


def versions() -> dict[str, str]:
    """Return the versions by name."""
    card = json.loads((MODEL_DIR / "card.json").read_bytes())
    api = json.loads((files("pneumonia") / "http" / "openapi.json").read_bytes())["info"]["version"]
    return {"pneumonia": _own(), f"model {card['name']}": str(card["version"]), "API": str(api)}


def _own() -> str:
    # The working tree can be newer than the metadata of its editable installation.
    if PYPROJECT.is_file():
        return str(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"])
    return version("pneumonia-inference")

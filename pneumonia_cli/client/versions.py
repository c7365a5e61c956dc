"""The versions of the command, and of the model and the API that it brings."""

import json
import tomllib
from importlib.metadata import version
from importlib.resources import files

from pneumonia_cli.bundled import MODEL_DIR, PYPROJECT


def versions() -> dict[str, str]:
    """The version of each, by name."""
    card = json.loads((MODEL_DIR / "card.json").read_bytes())
    api = json.loads((files("pneumonia") / "http" / "openapi.json").read_bytes())["info"]["version"]
    return {"pneumonia": _own(), f"model {card['name']}": str(card["version"]), "API": str(api)}


def _own() -> str:
    # The tree itself may be newer than the metadata of its editable installation.
    if PYPROJECT.is_file():
        return str(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"])
    return version("pneumonia-inference")

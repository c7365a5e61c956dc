"""Files that commands need and that lie beside this package in the repository: cdk.json and the model.

The wheel holds them as well (`[tool.hatch]` in pyproject.toml), in a folder of this package.
"""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent
_IN_WHEEL: Final = _PACKAGE / "bundled_files"
_ROOT: Final = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent

CDK_JSON: Final = _ROOT / "cdk.json"
"""The default of each setting."""
PYPROJECT: Final = _ROOT / "pyproject.toml"
"""Not in the wheel, whose metadata has the version."""
MODEL_DIR: Final = _ROOT / "model_artifacts"
"""The card of the model, its graphs and its golden input."""

"""Paths of the files that commands need: cdk.json and the model.

In the repository, these files are next to this package. In the wheel, they are in a folder inside this package
(`[tool.hatch]` in pyproject.toml).
"""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent
_IN_WHEEL: Final = _PACKAGE / "bundled_files"
_ROOT: Final = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent

CDK_JSON: Final = _ROOT / "cdk.json"
"""The default of every setting."""
PYPROJECT: Final = _ROOT / "pyproject.toml"
"""Absent from the wheel, where the metadata of the package holds the version."""
MODEL_DIR: Final = _ROOT / "model_artifacts"
"""The model card, the graphs and the golden input."""

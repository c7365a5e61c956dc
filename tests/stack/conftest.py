from typing import Any

import pytest

from pneumonia_cli.stack.context import default_context


@pytest.fixture(scope="session")
def defaults() -> dict[str, Any]:
    """The context of cdk.json."""
    return default_context()

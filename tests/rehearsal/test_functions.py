"""What moto's Lambda does not know, and commands of this project ask."""

import pytest
from botocore.exceptions import ClientError

from rehearsal.api import call
from rehearsal.functions import Functions


def test_no_function_has_provisioned_concurrency(functions: Functions) -> None:
    with pytest.raises(ClientError) as caught:
        call("lambda", "get_provisioned_concurrency_config", FunctionName="api", Qualifier="live")
    assert caught.value.response["Error"]["Code"] == "ProvisionedConcurrencyConfigNotFoundException"

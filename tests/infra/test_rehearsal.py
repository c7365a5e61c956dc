"""Every resource of the template can be rehearsed. This test finds unknown types without Docker."""

import pytest
from botocore.credentials import Credentials
from moto.cloudformation import parsing

from rehearsal.codedeploy import Deployments
from rehearsal.containers import Containers
from rehearsal.doors import Doors
from rehearsal.event_bridge import EventBridge
from rehearsal.functions import Functions
from rehearsal.models import installed
from rehearsal.resources import kinds
from tests.infra.conftest import Json, Synthesise


@pytest.mark.parametrize("overrides", [{}, {"auth": "token"}, {"retain_data": False}], ids=str)
def test_every_type_has_a_kind_or_is_known_to_moto(synthesise: Synthesise, overrides: Json) -> None:
    doors = Doors("http://localhost:9", Credentials("testing", "testing"))
    functions = Functions(Containers("127.0.0.1:9", {}))
    types = {declared["Type"] for declared in synthesise(**overrides).template["Resources"].values()}
    with installed(kinds(doors, functions, Deployments(), EventBridge())):
        for resource_type in types:
            assert parsing.resource_class_from_type(resource_type) is not None

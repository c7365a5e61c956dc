"""`pneumonia rollback` on a stack with CodeDeploy. `make rehearse` does the same with the real stack."""

import functools
import json
from typing import Any

import pytest

from pneumonia_cli.client.aws import Aws
from pneumonia_cli.client.operating import rollback
from pneumonia_cli.client.operating.waking import wake
from pneumonia_cli.client.shape import Shape
from rehearsal.api import call
from rehearsal.codedeploy import Deployments
from rehearsal.functions import put_to_sleep
from tests.rehearsal.conftest import STACK, Deploy, Failed
from tests.rehearsal.test_codedeploy import OUTPUTS, SUCCEEDS, answer, release


def of_this_project(body: str) -> dict[str, Any]:
    """Return a release whose function has the logical id that the command expects."""
    text = json.dumps(release(body, SUCCEEDS)).replace('"Api"', '"InferenceApi"')
    resources: dict[str, Any] = json.loads(text)
    # The worker's traffic moves before the API's.
    of_worker = {
        "InferenceWorker": resources["InferenceApi"],
        f"Worker{body}": json.loads(json.dumps(resources[f"Version{body}"]).replace("InferenceApi", "InferenceWorker")),
        "LiveWorker": json.loads(
            json.dumps(resources["Live"])
            .replace("InferenceApi", "InferenceWorker")
            .replace("Version" + body, "Worker" + body)
        ),
    }
    resources["Live"]["DependsOn"].append("LiveWorker")
    return resources | of_worker


def move(*, undo: bool = False) -> None:
    with Aws() as aws:
        rollback.run(aws, STACK, really=True, undo=undo, shape=Shape.JSON)


@pytest.mark.slow
def test_release_rollback_and_deployment_twice(
    deploy: Deploy, deployments: Deployments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rollback, "wake", functools.partial(wake, sleep=lambda _seconds: None))
    live = deploy(of_this_project("good0"), **OUTPUTS)["Live"]
    function = live.removesuffix(":live").rpartition(":")[2]
    for number in (1, 2):
        before = call("lambda", "get_alias", FunctionName=function, Name="live")["FunctionVersion"]
        deploy(of_this_project(f"bad{number}"), **OUTPUTS)
        put_to_sleep(function, before)
        capsys.readouterr()
        move()
        moved = json.loads(capsys.readouterr().out)["functions"]
        assert [(one["to"], one["woken"]) for one in moved] == [(int(before), True), (int(before), False)]
        assert answer(live) == f"good{number - 1}"
        with pytest.raises(Failed, match="INVALID_LAMBDA_CONFIGURATION"):
            deploy(of_this_project(f"good{number}"), **OUTPUTS)
        assert answer(live) == f"good{number - 1}"
        move(undo=True)
        assert answer(live) == f"bad{number}"
        deploy(of_this_project(f"good{number}"), **OUTPUTS)
        assert answer(live) == f"good{number}"
    # For both functions. A refusal of one prevents the other from starting.
    assert deployments.ended == ["Succeeded", "Succeeded", "Failed", "Succeeded", "Succeeded"] * 2

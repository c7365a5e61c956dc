"""The templates of docs/events.md: AWS would accept them, and events reach only the receivers of the rules."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal import receivers as module
from rehearsal.api import call
from rehearsal.doors import Doors
from rehearsal.event_bridge import EventBridge
from rehearsal.proof import NotShown
from rehearsal.receivers import DESTINATION, QUEUE, Receivers, templates

DETAIL = json.loads(
    (Path(__file__).parents[2] / "docs" / "events.md")
    .read_text(encoding="utf-8")
    .partition("```json\n")[2]
    .partition("```")[0]
)["detail"]

TRUST = "Principal: {Service: events.amazonaws.com}\n            Action: sts:AssumeRole"


@pytest.fixture
def receivers(doors: Doors, bridge: EventBridge) -> Iterator[Receivers]:
    with Receivers(bridge).deployed() as deployed:
        yield deployed


def tell(**members: Any) -> None:
    """Send an event as the worker does."""
    detail = json.dumps({**DETAIL, **members})
    entry = {"Source": "pneumonia.triage", "DetailType": "Prediction Finished", "Detail": detail}
    assert call("events", "put_events", Entries=[entry])["FailedEntryCount"] == 0


def loaded(name: str) -> dict[str, Any]:
    """Return a template of the documentation, with short forms such as !Ref unchanged."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda _loader, tag, node: f"!{tag} {node.value}")
    template: dict[str, Any] = yaml.load(templates()[name], Loader)  # noqa: S506 - of SafeLoader
    return template


def changed(monkeypatch: pytest.MonkeyPatch, name: str, old: str, new: str) -> None:
    """Replace a text in a template of the documentation."""
    documented = templates()
    assert old in documented[name]
    documented[name] = documented[name].replace(old, new)
    monkeypatch.setattr(module, "templates", lambda: documented)


def test_there_are_two_templates() -> None:
    assert set(templates()) == {QUEUE, DESTINATION}


@pytest.mark.slow
@pytest.mark.parametrize("name", [QUEUE, DESTINATION])
def test_cfn_lint_finds_nothing_in_them(tmp_path: Path, name: str) -> None:
    template = tmp_path / name
    template.write_text(templates()[name], encoding="utf-8")
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "us-east-1", "--template", str(template)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", [QUEUE, DESTINATION])
def test_their_patterns_use_members_of_the_events(name: str) -> None:
    pattern = loaded(name)["Resources"]["Rule"]["Properties"]["EventPattern"]
    assert set(pattern["detail"]) <= set(DETAIL)


@pytest.mark.slow
def test_each_receiver_gets_its_events(receivers: Receivers, bridge: EventBridge) -> None:
    for triage, known in (("likely_pneumonia", True), ("likely_pneumonia", False), ("likely_normal", True)):
        tell(triage=triage, in_training_population=known)
    tell(status="rejected", triage=None, in_training_population=None)
    queued = [receivers.next_queued()["detail"] for _ in range(3)]
    assert [detail["triage"] for detail in queued] == ["likely_pneumonia", "likely_pneumonia", "likely_normal"]
    ((headers, posted),) = receivers.posted
    assert posted["detail"] == queued[0]
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert bridge.undelivered == []


@pytest.mark.slow
def test_a_queue_with_a_policy_for_another_rule_gets_no_event(
    doors: Doors, bridge: EventBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(monkeypatch, QUEUE, '"aws:SourceArn": !GetAtt Rule.Arn', '"aws:SourceArn": "arn:aws:events:x:1:rule/other"')
    with Receivers(bridge).deployed():
        tell()
    (why,) = bridge.undelivered
    assert "The policy of the queue does not let events.amazonaws.com send" in why


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (TRUST, TRUST.replace("events", "lambda"), "does not trust events.amazonaws.com"),
        ("events:InvokeApiDestination", "events:PutEvents", "does not allow events:InvokeApiDestination"),
        ("ApiKeyName: X-Api-Key", "ApiKeyName: X-Other-Key", "HTTP Error 403"),
    ],
    ids=["trust", "permission", "key"],
)  # fmt: skip
def test_an_endpoint_without_permission_or_key_gets_no_event(
    doors: Doors, bridge: EventBridge, monkeypatch: pytest.MonkeyPatch, old: str, new: str, why: str
) -> None:
    changed(monkeypatch, DESTINATION, old, new)
    with Receivers(bridge).deployed() as receivers:
        tell()
    assert receivers.posted == []
    (told,) = bridge.undelivered
    assert why in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (QUEUE, "status: [predicted]", "status: predicted"),
        (QUEUE, "status: [predicted]", "status: [{begins-with: p}]"),
        (DESTINATION, "RoleArn: !GetAtt Role.Arn\n", "\n"),
        (DESTINATION, "MaximumEventAgeInSeconds: 3600", "MaximumEventAgeInSeconds: 30"),
        (DESTINATION, "InvocationEndpoint: !Ref Endpoint", "InvocationEndpoint: http://receiver.example.org/predictions"),
    ],
)  # fmt: skip
def test_a_template_that_aws_refuses_is_not_deployed(
    doors: Doors, bridge: EventBridge, monkeypatch: pytest.MonkeyPatch, name: str, old: str, new: str
) -> None:
    changed(monkeypatch, name, old, new)
    with pytest.raises(NotShown, match="ROLLBACK_COMPLETE"), Receivers(bridge).deployed():
        pass

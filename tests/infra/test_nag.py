"""No finding of the cdk-nag packs is open, and every acknowledgement has a finding."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import aws_cdk as cdk
import cdk_nag
import pytest
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import acknowledgements
from infra.stack import PneumoniaStack
from pneumonia_cli.stack.context import settings_of
from tests.infra.conftest import REGULATED, Json

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"
PACKS = ("AwsSolutions", "HIPAA.Security", "Serverless")
VARIANTS = [
    {"auth": "iam"},
    {"auth": "token"},
    {"auth": "none"},
    {"retain_data": False},
    {"tracing": True, "event_bus": "default"},
    {"vpc": True},
    {"backfill": True, "vpc": True, "customer_keys": True},
    {"backfill": True, "backfill_archives": ["hospital-archive/xrays/", "whole-archive"]},
]


Said = dict[tuple[str, str], str]
"""Reason by rule and path of the construct."""


def findings(
    defaults: Json, overrides: Json, outdir: Path, change: Callable[[PneumoniaStack], object] = lambda stack: None
) -> set[tuple[str, str]]:
    """Every (rule, path of the construct) that the three packs leave open."""
    context = defaults | overrides | {"aws:cdk:disable-asset-staging": True}
    app = cdk.App(context=context, outdir=str(outdir), analytics_reporting=False)
    change(PneumoniaStack(app, settings_of(context)))
    cdk.Validations.of(app).add_plugins(
        cdk_nag.AwsSolutionsChecks(app), cdk_nag.HIPAASecurityChecks(app), cdk_nag.ServerlessChecks(app)
    )
    try:
        app.synth()
    except RuntimeError as error:
        assert "ValidationFailed" in str(error)  # noqa: PT017 - the tests expect findings, which make it fail
    report = json.loads((outdir / "validation-report.json").read_text())
    return {
        (violation["ruleName"], construct["constructPath"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    }


@pytest.mark.slow
@pytest.mark.parametrize("overrides", VARIANTS, ids=str)
def test_no_finding_is_open(defaults: Json, overrides: Json, tmp_path: Path) -> None:
    assert findings(defaults, overrides, tmp_path) == set()


@pytest.mark.slow
def test_a_resource_without_acknowledgement_is_found_by_each_pack(defaults: Json, tmp_path: Path) -> None:
    # The packs report an unencrypted queue next to everything that is acknowledged: they do run, and an
    # acknowledgement applies only to its construct.
    found = findings(defaults, {}, tmp_path, lambda stack: sqs.CfnQueue(stack, "Stray"))
    assert {path for _, path in found} == {"PneumoniaInference/Stray"}
    rules = {rule for rule, _ in found}
    assert {rule.rsplit("-", 1)[0] for rule in rules} == {"AwsSolutions", "Serverless"}


@pytest.mark.slow
def test_every_acknowledgement_has_a_finding(defaults: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: Said = {}

    def listen(construct: Construct, reasons: dict[str, str]) -> None:
        said.update({(rule, construct.node.path): reason for rule, reason in reasons.items()})
        assert all(len(reason) > 40 for reason in reasons.values())

    monkeypatch.setattr(acknowledgements, "_say", listen)
    found = findings(defaults, {"auth": "token", "backfill": True}, tmp_path)
    assert {rule.rsplit("[", 1)[0].rsplit("-", 1)[0] for rule, _ in found} == set(PACKS)
    for rule, path in said:
        assert any(rule == name and place.startswith(path) for name, place in found), (
            f"no finding for the acknowledgement of {rule} at {path}"
        )
    for name, place in found:
        assert any(rule == name and place.startswith(path) for rule, path in said), (
            f"no acknowledgement for {name} at {place}"
        )
    rows = "\n".join(table(said))
    assert rows in PAGE.read_text(), f"put these rows into docs/security.md:\n{rows}"


@pytest.mark.slow
def test_the_page_lists_findings_of_hipaa_with_every_setting_for_regulated_users(
    defaults: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert findings(defaults, REGULATED, tmp_path / "said") == set()
    said: Said = {}
    monkeypatch.setattr(
        acknowledgements,
        "_say",
        lambda construct, reasons: said.update({(rule, construct.node.path): text for rule, text in reasons.items()}),
    )
    found = {
        (name, place) for name, place in findings(defaults, REGULATED, tmp_path / "unsaid") if name.startswith("HIPAA")
    }
    remaining = {
        (rule, path): reason
        for (rule, path), reason in said.items()
        if any(rule == name and place.startswith(f"{path}/") for name, place in found)
    }
    cured = {"CloudWatchLogGroupEncrypted", "S3BucketLoggingEnabled", "SNSEncryptedKMS", "SecretsManagerUsingKMSKey"}
    assert not {name.rsplit("-", 1)[1] for name, _ in found} & cured
    page = PAGE.read_text(encoding="utf-8")
    explained = page.partition("## Findings of cdk-nag")[2].partition("## Settings for regulated users")[0]
    rows = "\n".join(table(remaining, explained))
    assert rows in page, f"put these rows into docs/security.md:\n{rows}"


def table(said: Said, explained: str = "") -> Iterator[str]:
    """One row for each rule and reason: rule, constructs, reason; without the logical ids of a finding.

    A reason that is in `explained` is not repeated.
    """
    grouped: dict[tuple[str, str], set[str]] = {}
    for (rule, path), reason in said.items():
        name = re.sub(r"\[.*", "", rule)
        grouped.setdefault((name, reason), set()).add(path.split("/", 1)[1].split(":")[0])
    for (name, reason), paths in sorted(grouped.items()):
        shown = "as above" if reason in explained else reason
        yield f"| {name} | {', '.join(f'`{path}`' for path in sorted(paths))} | {shown} |"

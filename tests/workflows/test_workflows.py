"""Tests of the repository's workflows: their actions are pinned, and no workflow holds or requires a key."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")


def load(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in FILES:
        for name, job in load(file)["jobs"].items():
            yield f"{file.name}:{name}", {**job, "workflow": load(file)}


JOBS = dict(jobs())


def permissions(job: dict[str, Any]) -> dict[str, str]:
    found = job.get("permissions", job["workflow"]["permissions"])
    assert isinstance(found, dict), "list the permissions; read-all and write-all are too broad"
    return found


def steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job.get("steps", [])
    return found


def test_there_are_workflows() -> None:
    assert {file.name for file in FILES} == {"ci.yml", "deploy.yml", "preview.yml"}


@pytest.mark.parametrize("name", JOBS)
def test_every_action_is_pinned_by_its_commit(name: str) -> None:
    for step in steps(JOBS[name]):
        if "uses" in step:
            assert PINNED.fullmatch(step["uses"]), step["uses"]


def test_each_action_has_one_commit_and_names_its_version() -> None:
    told = [line for file in FILES for line in file.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    actions = {line.partition("uses:")[2].strip() for line in told if "./" not in line}
    assert all(re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", action) for action in actions), actions
    assert len({action.partition("@")[0] for action in actions}) == len(actions)


@pytest.mark.parametrize("name", JOBS)
def test_jobs_have_only_the_permissions_that_they_need(name: str) -> None:
    enters_aws = any("configure-aws-credentials" in step.get("uses", "") for step in steps(JOBS[name]))
    calls = JOBS[name].get("uses") == "./.github/workflows/deploy.yml"
    identity = {"id-token": "write"} if enters_aws or calls else {}
    assert permissions(JOBS[name]) == {"contents": "read", **identity}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_workflows_use_no_secrets(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for never in ("secrets.", "secrets:", "pull_request_target", "workflow_run", "aws-access-key-id", "aws-secret"):
        assert never not in text
    assert load(file)["permissions"] in ({}, {"contents": "read"})


@pytest.mark.parametrize("name", JOBS)
def test_scripts_contain_no_expressions(name: str) -> None:
    for step in steps(JOBS[name]):
        assert "${{" not in step.get("run", ""), "pass the value to the script in env"


@pytest.mark.parametrize("name", JOBS)
def test_jobs_have_a_timeout_and_keep_no_credentials_in_their_clone(name: str) -> None:
    job = JOBS[name]
    assert "uses" in job or job["timeout-minutes"] <= 45
    for step in steps(job):
        if "actions/checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_a_deployment_is_checked() -> None:
    run = [step["run"] for step in steps(JOBS["deploy.yml:deploy"]) if "run" in step]
    assert [line.split("ARGS")[0].split()[-1] for line in run] == ["base-image", "deploy", "smoke"]


def test_the_stack_of_a_pull_request_is_destroyed_with_the_same_settings() -> None:
    made, ended = JOBS["preview.yml:deploy"], JOBS["preview.yml:destroy"]
    assert made["with"]["stack_name"] == ended["env"]["STACK_NAME"]
    assert made["with"]["environment"] == ended["environment"]
    (command,) = [step["run"] for step in steps(ended) if "run" in step]
    assert made["with"]["arguments"] in command
    assert "!= 'closed'" in made["if"]
    assert "== 'closed'" in ended["if"]
    for job in (made, ended):
        assert "head.repo.full_name == github.repository" in job["if"]


def test_the_make_targets_of_workflows_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    run = [target for job in JOBS.values() for step in steps(job) for target in targets(step.get("run", ""))]
    assert {"test-all", "deploy", "smoke", "destroy", "rehearse"} <= set(run)
    for target in run:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def targets(script: str) -> list[str]:
    return re.findall(r"^make (?:--silent )?([a-z-]+)", script, re.MULTILINE)

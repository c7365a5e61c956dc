from graphlib import CycleError
from typing import Any

import pytest

from rehearsal.order import in_order, needs


@pytest.mark.parametrize(
    ("declared", "named"),
    [
        ({"Type": "T"}, set()),
        ({"Properties": {"Queue": {"Ref": "A"}}}, {"A"}),
        ({"Properties": {"Arn": {"Fn::GetAtt": ["A", "Arn"]}}}, {"A"}),
        ({"Properties": {"Arn": {"Fn::GetAtt": "A.Arn"}}}, {"A"}),
        ({"Properties": {"Uri": {"Fn::Join": ["", ["x", {"Ref": "A"}, {"Fn::GetAtt": ["B", "Arn"]}]]}}}, {"A", "B"}),
        ({"Properties": {"Name": {"Fn::Sub": "${A}-${B.Arn}-${!C}"}}}, {"A", "B"}),
        ({"Properties": {"Name": {"Fn::Sub": ["${A}-${x}", {"x": {"Ref": "B"}}]}}}, {"A", "B", "x"}),
        ({"DependsOn": "A"}, {"A"}),
        ({"DependsOn": ["A", "B"], "Properties": {"Ref": "C"}}, {"A", "B", "C"}),
        ({"DependsOn": "A", "Properties": {"Queue": {"Ref": "B"}}}, {"A", "B"}),
    ],
)
def test_what_a_resource_names(declared: dict[str, Any], named: set[str]) -> None:
    assert needs(declared) == named


def test_dependencies_come_first() -> None:
    resources: dict[str, dict[str, Any]] = {
        "Alias": {"Properties": {"Version": {"Fn::GetAtt": ["Version", "Version"]}}},
        "Version": {"Properties": {"Function": {"Ref": "Function"}}},
        "Function": {
            "DependsOn": ["Policy"],
            "Properties": {"Role": {"Ref": "Role"}, "Region": {"Ref": "AWS::Region"}},
        },
        "Policy": {"Properties": {"Roles": [{"Ref": "Role"}]}},
        "Role": {},
    }
    assert in_order(resources) == ["Role", "Policy", "Function", "Version", "Alias"]


def test_a_circular_reference_is_an_error() -> None:
    with pytest.raises(CycleError):
        in_order({"A": {"DependsOn": "B"}, "B": {"DependsOn": "A"}})

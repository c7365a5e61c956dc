"""References to images in ECR become references to the local registry."""

import pytest

from rehearsal.docker import local_reference

REGISTRY = "127.0.0.1:5000"


@pytest.mark.parametrize(
    ("image", "local"),
    [
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/cdk-assets:abc", f"{REGISTRY}/cdk-assets:abc"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b:abc", f"{REGISTRY}/a/b:abc"),
        ("cdkasset-abc", "cdkasset-abc"),
        ("public.ecr.aws/lambda/python:3.13", "public.ecr.aws/lambda/python:3.13"),
        ("--platform", "--platform"),
        ("x123456789012.dkr.ecr.us-east-1.amazonaws.com/a:b", "x123456789012.dkr.ecr.us-east-1.amazonaws.com/a:b"),
    ],
)
def test_only_references_to_ecr_are_replaced(image: str, local: str) -> None:
    assert local_reference(image, REGISTRY) == local

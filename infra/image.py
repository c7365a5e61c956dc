"""The one container image that all functions run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aws_cdk import IgnoreMode
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from pneumonia_cli.stack.settings import StackSettings

REPOSITORY_ROOT: Final = Path(__file__).resolve().parent.parent
DOCKERFILE: Final = "lambda_src/Dockerfile"
MODEL_DIR: Final = "/var/task/model_artifacts"
"""Folder of the model and its card in the image."""

# This table sets both the image platform and the function architecture. A mismatch would appear only when AWS starts
# the function, as an exec format error.
_ARCHITECTURES: Final = {
    "x86_64": (lambda_.Architecture.X86_64, ecr_assets.Platform.LINUX_AMD64),
    "arm64": (lambda_.Architecture.ARM_64, ecr_assets.Platform.LINUX_ARM64),
}
_NETWORKS: Final = {
    "default": ecr_assets.NetworkMode.DEFAULT,
    "host": ecr_assets.NetworkMode.HOST,
    "none": ecr_assets.NetworkMode.NONE,
}


class InferenceImage(Construct):
    """The image asset, built from ``lambda_src/Dockerfile`` when the stack is deployed.

    The contents are the files that ``.dockerignore`` (an allow-list) admits. So only a change of the handlers, their
    dependencies or the model creates a new image.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: StackSettings, directory: Path = REPOSITORY_ROOT
    ) -> None:
        super().__init__(scope, construct_id)
        self.architecture, platform = _ARCHITECTURES[settings.architecture]
        self.asset = ecr_assets.DockerImageAsset(
            self,
            "Asset",
            directory=str(directory),
            file=DOCKERFILE,
            platform=platform,
            build_args={"BASE_IMAGE": settings.base_image},
            network_mode=_NETWORKS[settings.docker_build_network],
            # The network of the build does not change the image.
            invalidation=ecr_assets.DockerImageAssetInvalidationOptions(network_mode=False),
            ignore_mode=IgnoreMode.DOCKER,
            # Later patterns override earlier ones. The staged copy must contain the Dockerfile. It must not contain
            # byte code, because the hash would then depend on earlier test runs.
            exclude=[f"!{DOCKERFILE}", "**/__pycache__", "**/*.pyc"],
        )

    def code(self, handler: str) -> lambda_.DockerImageCode:
        """Return the image with `handler` ("package.module.function") as its command."""
        return lambda_.DockerImageCode.from_ecr(
            self.asset.repository, tag_or_digest=self.asset.image_tag, cmd=[handler]
        )

"""The functions that run the model."""

from __future__ import annotations

from typing import Final

from aws_cdk import Annotations, Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.encryption import Encryption
from infra.image import MODEL_DIR, InferenceImage
from infra.log_groups import function_role
from infra.network import Network
from pneumonia_cli.stack.observability import writes_metrics
from pneumonia_cli.stack.settings import StackSettings

LIVE: Final = "live"
"""Name of the alias of each function. All traffic goes through it."""

# New accounts refuse functions with more memory until AWS increases the quota.
_NEW_ACCOUNT_MEMORY_MB: Final = 3008


class Inference(Construct):
    """`api` for HTTP, `worker` for the upload queue, `backfill` for archives: one image, three commands.

    They are separate functions so that a bulk upload cannot starve the API, and so that each has only the permissions
    that it needs. :mod:`infra.uploads` grants access to the buckets, and :mod:`infra.access` decides who may call.

    Each deployment that changes a function publishes a version of it, and traffic goes to the version that the alias
    `live` names. Callers and event sources use the alias; permissions and variables belong to the function.

    Attributes:
        api: answers HTTP requests and direct invokes.
        worker: turns batches of upload events into results.
        live_api: the alias of `api`, used by its Function URL.
        live_worker: the alias of `worker`, used by the upload queue.
        image: the container image of all functions.
        backfill: turns batches of an archive into results; None without the setting `backfill`.
        live_backfill: the alias of `backfill`, used by its state machine.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StackSettings,
        encryption: Encryption,
        network: Network | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._log_key = encryption.operations
        self._network = network
        self.image = InferenceImage(self, "Image", settings=settings)
        self.api = self._function(
            "Api",
            handler="pneumonia.handlers.api.handler",
            service="pneumonia-api",
            description="Pneumonia triage of one chest X-ray over HTTP. Research use only.",
            timeout_seconds=settings.api_timeout_seconds,
            reserved_concurrency=settings.api_reserved_concurrency,
        )
        self.worker = self._function(
            "Worker",
            handler="pneumonia.handlers.worker.handler",
            service="pneumonia-worker",
            description="Pneumonia triage of uploaded chest X-rays. Research use only.",
            timeout_seconds=settings.worker_timeout_seconds,
            reserved_concurrency=settings.worker_reserved_concurrency,
        )
        self.backfill = self._backfill() if settings.backfill else None
        self.live_api = self._live("Api", self.api, settings.api_provisioned_concurrency)
        self.live_worker = self._live("Worker", self.worker)
        self.live_backfill = self._live("Backfill", self.backfill) if self.backfill else None
        if settings.memory_mb > _NEW_ACCOUNT_MEMORY_MB:
            Annotations.of(self).add_warning_v2(
                "pneumonia:memory-above-new-account-limit",
                f"memory_mb is {settings.memory_mb}: new AWS accounts refuse more than "
                f"{_NEW_ACCOUNT_MEMORY_MB} MB until the Lambda memory quota has been raised.",
            )

    def _backfill(self) -> lambda_.DockerImageFunction:
        return self._function(
            "Backfill",
            handler="pneumonia.handlers.backfill.handler",
            service="pneumonia-backfill",
            description="Pneumonia triage of chest X-rays of an archive. Research use only.",
            timeout_seconds=self._settings.worker_timeout_seconds,
            # backfill_max_concurrency is the limit. A reservation would permanently take concurrency from the account.
            reserved_concurrency=None,
        )

    def _live(self, name: str, function: lambda_.Function, provisioned: int | None = None) -> lambda_.Alias:
        return lambda_.Alias(
            self,
            f"{name}Live",
            alias_name=LIVE,
            version=function.current_version,
            description="The version that gets the traffic",
            provisioned_concurrent_executions=provisioned,
        )

    def _function(
        self,
        name: str,
        *,
        handler: str,
        service: str,
        description: str,
        timeout_seconds: int,
        reserved_concurrency: int | None,
    ) -> lambda_.DockerImageFunction:
        settings = self._settings
        # Without STACK_NAME the handlers write no metrics.
        named = {"STACK_NAME": settings.stack_name} if writes_metrics(settings) else {}
        role, logs = function_role(self, name, settings, self._log_key, description=f"Execution role of {service}")
        network = self._network
        if network is not None:
            network.admit(role)
        return lambda_.DockerImageFunction(
            self,
            name,
            code=self.image.code(handler),
            architecture=self.image.architecture,
            description=description,
            role=role,
            log_group=logs,
            vpc=network.vpc if network else None,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED) if network else None,
            security_groups=[network.functions] if network else None,
            memory_size=settings.memory_mb,
            timeout=Duration.seconds(timeout_seconds),
            reserved_concurrent_executions=reserved_concurrency,
            # Only the Lambda runtime writes traces, because the code imports no X-Ray SDK. Tracing adds two xray
            # actions to the role. These actions cannot be limited to a resource.
            tracing=lambda_.Tracing.ACTIVE if settings.tracing else lambda_.Tracing.DISABLED,
            # Replaced versions stay for rollbacks. They cost nothing, and are deleted with their function. A refused
            # version is deleted at once; otherwise a rollback of the next release would go to it.
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE),
            environment={
                "POWERTOOLS_SERVICE_NAME": service,
                "POWERTOOLS_LOG_LEVEL": settings.log_level,
                "MODEL_DIR": MODEL_DIR,
                **settings.environment(name.lower()),
                **named,
            },
        )

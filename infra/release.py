"""Shift traffic to a new version in steps, after a check. The version is rolled back if an alarm goes off."""

from __future__ import annotations

from typing import Final, cast

from aws_cdk import Aws, CfnResource, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.encryption import Encryption
from infra.image import MODEL_DIR
from infra.inference import LIVE, Inference
from infra.log_groups import function_role
from infra.monitoring import Monitoring
from infra.permissions import allow
from pneumonia_cli.stack.settings import StackSettings

# Configurations that CodeDeploy provides. Alarms use five-minute periods, so ten minutes with a tenth of the traffic
# contain one whole period.
_CONFIGS: Final = {
    "all_at_once": codedeploy.LambdaDeploymentConfig.ALL_AT_ONCE,
    "canary": codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_10_MINUTES,
    "linear": codedeploy.LambdaDeploymentConfig.LINEAR_10_PERCENT_EVERY_3_MINUTES,
}

# Alarms that a bad release can set off during its deployment. Throttles depend on the whole account. The queue and the
# dead letters are left out because a message takes half an hour to become a dead letter. CodeDeploy starts no
# deployment while one of its alarms is on, so old dead letters would block the release that fixes them.
_ROLLBACK_ALARMS: Final = {"Api": ("ApiErrors", "ApiHttp5xx", "ApiSlow"), "Worker": ("WorkerErrors",)}

_CHECK_MEMORY_MB: Final = 512
_MAX_TIMEOUT_SECONDS: Final = 900
# Added to the version's own time limit, so that Lambda has time to load and start its container image.
_COLD_SECONDS: Final = 90


class Release(Construct):
    """CodeDeploy shifts the alias `live` to a new version, separately for `api` and `worker`.

    The first deployment has no version to shift from: CloudFormation creates the aliases without CodeDeploy.

    Attributes:
        checks: the functions that CodeDeploy calls before a version gets any traffic.
        role: the role of CodeDeploy.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StackSettings,
        inference: Inference,
        monitoring: Monitoring,
        encryption: Encryption,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._inference = inference
        self._log_key = encryption.operations
        self._application = codedeploy.LambdaApplication(self, "Application")
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"),
            description="Shifts the traffic of the pneumonia functions from version to version",
        )
        self.checks: list[lambda_.Function] = []
        for name, function, live, seconds in (
            ("Api", inference.api, inference.live_api, settings.api_timeout_seconds),
            ("Worker", inference.worker, inference.live_worker, settings.worker_timeout_seconds),
        ):
            # With all_at_once there is no time to watch, and an active alarm would only block the release.
            watched = () if settings.deployment == "all_at_once" else _ROLLBACK_ALARMS[name]
            alarms = {alarm.node.id: alarm for alarm in monitoring.alarms}
            self._deploy(name, function, live, seconds, [alarms[alarm] for alarm in watched])
        self._allow(inference)
        # The worker is released before the API. Otherwise CloudFormation would release both at once, and a failure of
        # one would cancel the canary of the other.
        live_api, live_worker = (live.node.default_child for live in (inference.live_api, inference.live_worker))
        cast(CfnResource, live_api).add_dependency(cast(CfnResource, live_worker))

    def _deploy(
        self,
        name: str,
        function: lambda_.Function,
        live: lambda_.Alias,
        seconds: int,
        alarms: list[cloudwatch.AlarmBase],
    ) -> None:
        check = self._check(name, function, seconds)
        group = codedeploy.LambdaDeploymentGroup(
            self,
            f"{name}Group",
            application=self._application,
            alias=live,
            deployment_config=_CONFIGS[self._settings.deployment],
            alarms=alarms,
            # Policy updates are off: the construct would otherwise add a managed policy for every alias of the account.
            role=self.role.without_policy_updates(),
            pre_hook=check,
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=bool(alarms)
            ),
        )
        # CloudFormation does not wait for the references of an update policy, so the alias must depend explicitly on
        # everything that moves it.
        cast(CfnResource, live.node.default_child).node.add_dependency(group, check, self.role)

    def _check(self, name: str, function: lambda_.Function, seconds: int) -> lambda_.Function:
        settings = self._settings
        service = f"pneumonia-{name.lower()}-check"
        role, logs = function_role(
            self, f"{name}Check", settings, self._log_key, description=f"Execution role of {service}"
        )
        # The permission covers all versions. A permission for only the new version would be created together with it,
        # and might not be propagated in time.
        calls = ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"]
        allow(role, "CallVersions", calls, [f"{function.function_arn}:*"])
        check = lambda_.DockerImageFunction(
            self,
            f"{name}Check",
            code=self._inference.image.code("pneumonia.handlers.release_check.handler"),
            architecture=self._inference.image.architecture,
            description=f"Checks a new version of the {name.lower()} function before it gets traffic.",
            role=role,
            log_group=logs,
            memory_size=_CHECK_MEMORY_MB,
            timeout=Duration.seconds(min(seconds + _COLD_SECONDS, _MAX_TIMEOUT_SECONDS)),
            environment={
                "POWERTOOLS_SERVICE_NAME": service,
                "POWERTOOLS_LOG_LEVEL": settings.log_level,
                "MODEL_DIR": MODEL_DIR,
                "CHECKED_VERSION": function.current_version.function_arn,
            },
        )
        self.checks.append(check)
        return check

    def _allow(self, inference: Inference) -> None:
        functions = [inference.api.function_arn, inference.worker.function_arn]
        shift = ["lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig"]
        allow(self.role, "ShiftTraffic", shift, [*functions, *(f"{arn}:{LIVE}" for arn in functions)])
        allow(self.role, "CallChecks", ["lambda:InvokeFunction"], [check.function_arn for check in self.checks])
        # IAM allows this action only on all alarms of the account, regardless of which are read.
        alarms = f"arn:{Aws.PARTITION}:cloudwatch:{Aws.REGION}:{Aws.ACCOUNT_ID}:alarm:*"
        allow(self.role, "ReadAlarms", ["cloudwatch:DescribeAlarms"], [alarms])

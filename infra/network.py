"""A VPC without a route to the internet (setting ``vpc``), with endpoints for the services that the handlers call."""

from __future__ import annotations

from typing import Final

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.log_groups import log_group
from pneumonia_cli.stack.settings import StackSettings

_HTTPS: Final = ec2.Port.tcp(443)

# Lambda uses these permissions of the role to attach a function to its subnets
# (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html). Describe* cannot be limited to a resource, and
# Lambda refuses a function whose role allows the other actions on only some resources.
_ATTACH: Final = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


class Network(Construct):
    """Two isolated subnets in different zones, a security group for the functions, endpoints, and flow logs.

    There are endpoints for the calls of the functions' code: S3 and, depending on settings, Secrets Manager (``auth`` =
    token) and EventBridge (``event_bus``). AWS services poll the queue, collect logs, send traces and use keys from
    outside the VPC.

    Attributes:
        vpc: the network.
        functions: security group of the functions: HTTPS out, nothing in.
        s3: gateway endpoint of S3; :meth:`reach` sets its buckets.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: StackSettings, log_key: kms.IKey | None
    ) -> None:
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
            ],
        )
        self._flow_logs(settings, log_key)
        self.functions = ec2.SecurityGroup(
            self,
            "Functions",
            vpc=self.vpc,
            description="Both functions: HTTPS out, nothing in",
            allow_all_outbound=False,
        )
        # All addresses are allowed, because those of S3 are not known in advance. No route leads beyond the endpoints.
        self.functions.add_egress_rule(ec2.Peer.any_ipv4(), _HTTPS, "To the endpoints")
        self.s3 = self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        if settings.auth == "token":
            self._endpoint("SecretsManager", ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER)
        if settings.event_bus:
            self._endpoint("EventBridge", ec2.InterfaceVpcEndpointAwsService.EVENTBRIDGE)

    def reach(self, *buckets: s3.IBucket) -> None:
        """Allow requests of this account through the gateway endpoint to only these buckets."""
        self.s3.add_to_policy(
            iam.PolicyStatement(
                sid="BucketsOfThisStack",
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject"],
                resources=[arn for bucket in buckets for arn in (bucket.bucket_arn, bucket.arn_for_objects("*"))],
                conditions={"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}},
            )
        )

    def admit(self, role: iam.IRole) -> None:
        """Allow Lambda, but not the function's own code, to attach a function of this role to the subnets."""
        role.add_to_principal_policy(iam.PolicyStatement(sid="AttachToSubnets", actions=list(_ATTACH), resources=["*"]))
        functions = Stack.of(self).format_arn(
            service="lambda", resource="function", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        role.add_to_principal_policy(
            iam.PolicyStatement(
                sid="NotByItsCode",
                effect=iam.Effect.DENY,
                actions=list(_ATTACH),
                resources=["*"],
                # This condition key is set in calls by the function's code, but not in calls that Lambda makes for it.
                conditions={"ArnLike": {"lambda:SourceFunctionArn": functions}},
            )
        )

    def _endpoint(self, construct_id: str, service: ec2.InterfaceVpcEndpointAwsService) -> None:
        group = ec2.SecurityGroup(
            self,
            f"{construct_id}Access",
            vpc=self.vpc,
            description=f"HTTPS from the functions to {construct_id}",
            allow_all_outbound=False,
        )
        group.add_ingress_rule(self.functions, _HTTPS, "From the functions")
        self.vpc.add_interface_endpoint(construct_id, service=service, security_groups=[group], open=False)

    def _flow_logs(self, settings: StackSettings, log_key: kms.IKey | None) -> None:
        logs = log_group(self, "FlowLogs", settings, log_key)
        role = iam.Role(
            self,
            "FlowLogsRole",
            assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com"),
            description="Writes the flow logs of the VPC",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                resources=[logs.log_group_arn],
            )
        )
        self.vpc.add_flow_log(
            "FlowLog",
            # Policy updates are off, because the construct would otherwise let this role pass itself (iam:PassRole).
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(logs, role.without_policy_updates()),
        )

"""The stack: combines the constructs, and has the outputs that a user needs."""

from __future__ import annotations

from aws_cdk import Aws, CfnOutput, DefaultStackSynthesizer, Stack
from constructs import Construct

from infra.access import Access
from infra.acknowledgements import acknowledge
from infra.backfill import Backfill
from infra.dashboard import Dashboard, dashboard_name
from infra.encryption import Encryption
from infra.inference import Inference
from infra.monitoring import Monitoring
from infra.network import Network
from infra.release import Release
from infra.uploads import Uploads
from pneumonia_cli.stack.observability import has_dashboard
from pneumonia_cli.stack.settings import StackSettings


class PneumoniaStack(Stack):
    """Images arrive at the Function URL or in the upload bucket. docs/architecture.md describes both paths."""

    def __init__(self, scope: Construct, settings: StackSettings) -> None:
        super().__init__(
            scope,
            settings.stack_name,
            description="Pneumonia triage of chest X-rays. Research use only, never a diagnosis.",
            # The CLI checks the bootstrap version itself. Without this rule the template needs no parameter.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
            analytics_reporting=False,
        )
        # The CDK adds DependsOn even where a reference implies it, and cfn-lint warns about each.
        self.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": ["W3005"]}}}
        encryption = Encryption(self, "Encryption", settings=settings)
        network = Network(self, "Network", settings=settings, log_key=encryption.operations) if settings.vpc else None
        inference = Inference(self, "Inference", settings=settings, encryption=encryption, network=network)
        uploads = Uploads(self, "Uploads", settings=settings, encryption=encryption)
        if network is not None:
            network.reach(uploads.upload_bucket, uploads.result_bucket)
        uploads.feed(inference.worker, inference.live_worker)
        uploads.serve(inference.api)
        access = Access(
            self, "Access", settings=settings, api=inference.api, live_api=inference.live_api, encryption=encryption
        )
        backfill = self._backfill(settings, inference, uploads, encryption)
        monitoring = Monitoring(
            self, "Monitoring", settings=settings, inference=inference, uploads=uploads, encryption=encryption
        )
        if backfill is not None:
            monitoring.watch_backfill(backfill.state_machine)
        if has_dashboard(settings):
            self._dashboard(settings, inference, uploads, monitoring)
        release = Release(
            self, "Release", settings=settings, inference=inference, monitoring=monitoring, encryption=encryption
        )
        acknowledge(
            inference=inference,
            uploads=uploads,
            access=access,
            monitoring=monitoring,
            release=release,
            network=network,
            backfill=backfill,
            tracing=settings.tracing,
        )
        self._output("FunctionUrl", access.url.url, "HTTPS address of the API")
        self._output("Auth", settings.auth, "Access control of the API: iam, token or none")
        if access.token is not None:
            self._output("AccessTokenSecretArn", access.token.secret_arn, "Secret with the API's bearer token")
        self._output("UploadBucketName", uploads.upload_bucket.bucket_name, "Put images here")
        self._output("ResultBucketName", uploads.result_bucket.bucket_name, "Read results here")
        self._output("UploadQueueUrl", uploads.queue.queue_url, "Queue of uploads that wait for the worker")
        self._output("DeadLetterQueueUrl", uploads.dead_letter_queue.queue_url, "Queue of uploads that failed")
        if encryption.data is not None:
            self._output("DataKeyArn", encryption.data.key_arn, "KMS key that uploaders and readers of results need")
        if encryption.queues is not None:
            self._output("QueueKeyArn", encryption.queues.key_arn, "KMS key that operators need to redrive messages")
        self._output("AlarmTopicArn", monitoring.topic.topic_arn, "Topic of all alarms")

    def _dashboard(
        self, settings: StackSettings, inference: Inference, uploads: Uploads, monitoring: Monitoring
    ) -> None:
        Dashboard(self, "Dashboard", settings=settings, inference=inference, uploads=uploads, monitoring=monitoring)
        # CloudFormation has no pseudo parameter for the console's address, which differs in China and GovCloud. Users
        # find the dashboard there by its name.
        self._output(
            "DashboardUrl",
            f"https://{Aws.REGION}.console.aws.amazon.com/cloudwatch/home?region={Aws.REGION}"
            f"#dashboards/dashboard/{dashboard_name(settings)}",
            "Dashboard of traffic, failures, times, scores and cost; its name is the stack's name and the region",
        )

    def _backfill(
        self, settings: StackSettings, inference: Inference, uploads: Uploads, encryption: Encryption
    ) -> Backfill | None:
        function, live = inference.backfill, inference.live_backfill
        if function is None or live is None:
            return None
        backfill = Backfill(
            self,
            "Backfill",
            settings=settings,
            function=function,
            live=live,
            uploads=uploads,
            key=encryption.data,
        )
        sources = ",".join([uploads.upload_bucket.bucket_name, *settings.backfill_archives])
        self._output(
            "BackfillStateMachineArn",
            backfill.state_machine.state_machine_arn,
            "State machine that predicts the images of an archive",
        )
        self._output("BackfillSources", sources, "Buckets, or prefixes in them, that a backfill may read")
        return backfill

    def _output(self, name: str, value: str, description: str) -> None:
        CfnOutput(self, name, value=value, description=description)

"""From an uploaded image to a stored result: two buckets, a queue and its dead-letter queue, and their permissions."""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.access_logs import access_log_bucket
from infra.encryption import Encryption
from infra.notifications import NotificationsRole
from infra.permissions import allow, allow_key, deny
from infra.removal import removal_policy
from infra.upload_events import UploadEvents
from pneumonia_cli.stack.settings import MAX_RECEIVES, StackSettings

# A message keeps its age when it moves to the dead-letter queue, so that queue must keep messages longer than the
# upload queue. SQS allows at most 14 days.
_QUEUE_RETENTION: Final = Duration.days(4)
_DEAD_LETTER_RETENTION: Final = Duration.days(14)

# Prefix of uploads that the API presigns, and of their results: also in lambda_src's uploads/ids.py.
API_PREFIX: Final = "api/"

# Prefixes of a backfill's results for other buckets and of the files of its runs: also in lambda_src's
# uploads/names.py. No result of an upload has one of these prefixes.
RESERVED_PREFIXES: Final = ("archive/", "backfill-runs/")

# Prefix of the feedback of readers, which the API stores: also in lambda_src's uploads/names.py.
FEEDBACK_PREFIX: Final = "feedback/"

# An event names one version of an object. A version that the user replaced or deleted stays readable as long as its
# event can be redriven from the dead-letter queue.
_NONCURRENT_VERSION_EXPIRY: Final = Duration.days(15)


class Uploads(Construct):
    """Upload bucket → queue → worker → result bucket.

    Attributes:
        upload_bucket: users put images here, under any key. It is versioned, because an event names a version.
        result_bucket: ``<key>.json`` and ``<key>.heatmap.png``. It is a separate bucket without notifications, so that
            a result never sends an event.
        queue: object-created events for the worker.
        dead_letter_queue: events that failed MAX_RECEIVES times.
        access_logs: bucket of the S3 access logs of both buckets, or None.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: StackSettings, encryption: Encryption) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._key = encryption.data
        self._queue_key = encryption.queues
        self.access_logs = access_log_bucket(self, "AccessLogs", settings)
        notifications_role = NotificationsRole(self, "Notifications", settings=settings, log_key=encryption.operations)
        self.upload_bucket = self._bucket(
            "UploadBucket",
            log_prefix="uploads/",
            versioned=True,
            notifications_handler_role=notifications_role.role,
            lifecycle_rules=_upload_lifecycle(settings),
            cors=[_upload_cors(settings)],
        )
        locked = settings.result_lock_days
        self.result_bucket = self._bucket(
            "ResultBucket",
            log_prefix="results/",
            # A lock applies to versions: a replaced version stays until its lock ends.
            versioned=locked is not None,
            lifecycle_rules=_result_lifecycle(settings),
            lock=None if locked is None else s3.ObjectLockRetention.governance(Duration.days(locked)),
        )
        self.dead_letter_queue = self._queue("DeadLetterQueue", retention_period=_DEAD_LETTER_RETENTION)
        self.queue = self._queue(
            "Queue",
            retention_period=_QUEUE_RETENTION,
            visibility_timeout=Duration.seconds(settings.visibility_timeout_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letter_queue, max_receive_count=MAX_RECEIVES),
        )
        self.upload_bucket.add_event_notification(
            s3.EventType.OBJECT_CREATED, UploadEvents(self.queue, encryption.queues)
        )
        notifications_role.allow(self.upload_bucket)

    def feed(self, worker: lambda_.Function, live_worker: lambda_.Alias) -> None:
        """Deliver the queue to `live_worker`, an alias of `worker`.

        The worker may read uploads, write results and, with an event bus, send events. It may do nothing else.
        """
        worker.add_environment("RESULTS_BUCKET", self.result_bucket.bucket_name)
        live_worker.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=self._settings.batch_size,
                max_concurrency=self._settings.worker_max_concurrency,
                # Without this, one bad record would return its whole batch to the queue.
                report_batch_item_failures=True,
            )
        )
        role = worker.role
        allow_key(role, self._key, "kms:Decrypt", "kms:GenerateDataKey", service="s3")
        uploads, results = self.upload_bucket.arn_for_objects("*"), self.result_bucket.arn_for_objects("*")
        allow(role, "ReadUploads", ["s3:GetObject", "s3:GetObjectVersion"], [uploads])
        # Without s3:ListBucket, S3 returns 403 instead of 404 for an object that is gone. A deleted upload would then
        # look like a missing permission.
        allow(role, "TellGoneFromForbidden", ["s3:ListBucket"], [self.upload_bucket.bucket_arn])
        # The worker needs GetObject to read the event order that is stored with a result. S3 also requires GetObject
        # for writes with If-Match.
        allow(role, "WriteResults", ["s3:PutObject", "s3:GetObject"], [results])
        reserved = [self.result_bucket.arn_for_objects(f"{prefix}*") for prefix in self._kept_from_worker()]
        deny(role, "KeepOffArchivesAndRuns", ["s3:PutObject"], reserved)
        if self._settings.event_bus:
            bus = Stack.of(self).format_arn(
                service="events", resource="event-bus", resource_name=self._settings.event_bus
            )
            allow(role, "AnnounceResults", ["events:PutEvents"], [bus])

    def serve(self, api: lambda_.Function) -> None:
        """Allow `api` to presign uploads, and to read the results of these uploads.

        `api` cannot read an upload, or the result of an object that was put into the bucket by other means. With the
        setting `feedback` it stores the feedback of readers on the results that it can read.
        """
        api.add_environment("UPLOADS_BUCKET", self.upload_bucket.bucket_name)
        api.add_environment("UPLOAD_ORIGIN", f"https://{self.upload_bucket.bucket_regional_domain_name}")
        api.add_environment("RESULTS_BUCKET", self.result_bucket.bucket_name)
        allow_key(api.role, self._key, "kms:Decrypt", "kms:GenerateDataKey", service="s3")
        # A presigned POST has the permissions of the role that signed it.
        allow(api.role, "SignUploads", ["s3:PutObject"], [self.upload_bucket.arn_for_objects(f"{API_PREFIX}*")])
        allow(api.role, "ReadResults", ["s3:GetObject"], [self.result_bucket.arn_for_objects(f"{API_PREFIX}*")])

        if self._settings.feedback:
            said = self.result_bucket.arn_for_objects(f"{FEEDBACK_PREFIX}{API_PREFIX}*")
            allow(api.role, "StoreFeedback", ["s3:PutObject"], [said])

    def _kept_from_worker(self) -> tuple[str, ...]:
        return (*RESERVED_PREFIXES, FEEDBACK_PREFIX) if self._settings.feedback else RESERVED_PREFIXES

    def _bucket(
        self,
        construct_id: str,
        *,
        log_prefix: str,
        versioned: bool,
        lifecycle_rules: list[s3.LifecycleRule],
        notifications_handler_role: iam.IRole | None = None,
        cors: list[s3.CorsRule] | None = None,
        lock: s3.ObjectLockRetention | None = None,
    ) -> s3.Bucket:
        return s3.Bucket(
            self,
            construct_id,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.KMS if self._key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self._key,
            # With a bucket key, S3 calls KMS once for many objects.
            bucket_key_enabled=True if self._key else None,
            server_access_logs_bucket=self.access_logs,
            server_access_logs_prefix=log_prefix if self.access_logs else None,
            object_lock_enabled=True if lock else None,
            object_lock_default_retention=lock,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=versioned,
            lifecycle_rules=lifecycle_rules,
            notifications_handler_role=notifications_handler_role,
            cors=cors,
            removal_policy=removal_policy(self._settings),
            auto_delete_objects=not self._settings.retain_data,
        )

    def _queue(
        self,
        construct_id: str,
        *,
        retention_period: Duration,
        visibility_timeout: Duration | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            # A customer-managed key or the key of SQS: S3 cannot send to a queue under the AWS managed KMS key.
            encryption=sqs.QueueEncryption.KMS if self._queue_key else sqs.QueueEncryption.SQS_MANAGED,
            encryption_master_key=self._queue_key,
            enforce_ssl=True,
            retention_period=retention_period,
            visibility_timeout=visibility_timeout,
            dead_letter_queue=dead_letter_queue,
        )


def _abandoned_uploads() -> s3.LifecycleRule:
    return s3.LifecycleRule(id="AbandonedMultipartUploads", abort_incomplete_multipart_upload_after=Duration.days(1))


def _old_versions() -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="OldVersions",
        # Locked versions stay until their lock ends.
        noncurrent_version_expiration=_NONCURRENT_VERSION_EXPIRY,
        # In a separate rule, because S3 refuses this property together with an expiry in days.
        expired_object_delete_marker=True,
    )


def _upload_lifecycle(settings: StackSettings) -> list[s3.LifecycleRule]:
    rules = [_abandoned_uploads(), _old_versions()]
    if settings.upload_expiry_days is not None:
        rules.append(s3.LifecycleRule(id="Expiry", expiration=Duration.days(settings.upload_expiry_days)))
    return rules


def _upload_cors(settings: StackSettings) -> s3.CorsRule:
    """Return the rule that allows pages to POST from a browser. Only the presigned policy decides what they may upload.

    The bucket cannot name the Function URL of its stack: the function needs the bucket's name, and CloudFormation
    refuses the circular reference. The rule therefore allows all Function URLs of the region, and the page that a
    command serves on the user's machine.
    """
    return s3.CorsRule(
        id="Pages",
        allowed_methods=[s3.HttpMethods.POST],
        allowed_origins=[f"https://*.lambda-url.{Aws.REGION}.on.aws", "http://127.0.0.1:*", *settings.cors_origins],
        allowed_headers=["content-type"],
        max_age=3600,
    )


def _result_lifecycle(settings: StackSettings) -> list[s3.LifecycleRule]:
    rules = [_abandoned_uploads()]
    if settings.result_lock_days is not None:
        rules.append(_old_versions())
    if settings.result_expiry_days is not None:
        rules.append(s3.LifecycleRule(id="Expiry", expiration=Duration.days(settings.result_expiry_days)))
    return rules

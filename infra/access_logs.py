"""The bucket for S3 access logs of the other buckets (setting ``access_log_days``)."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.removal import removal_policy
from pneumonia_cli.stack.settings import StackSettings


def access_log_bucket(scope: Construct, construct_id: str, settings: StackSettings) -> s3.Bucket | None:
    """Return the bucket that keeps access logs for ``access_log_days``, or None without that setting.

    Log entries contain object keys, and file names in keys may identify patients.
    """
    if settings.access_log_days is None:
        return None
    return s3.Bucket(
        scope,
        construct_id,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        # S3 does not deliver access logs to a bucket with a KMS key.
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        lifecycle_rules=[s3.LifecycleRule(id="Expiry", expiration=Duration.days(settings.access_log_days))],
        removal_policy=removal_policy(settings),
        auto_delete_objects=not settings.retain_data,
    )

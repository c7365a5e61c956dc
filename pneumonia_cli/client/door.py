"""Opens the way into a service: its API by token, signature or nothing, its buckets and queues by AWS credentials."""

from requests.auth import AuthBase

from pneumonia_cli.client.aws import Aws
from pneumonia_cli.client.batch.pipeline import Places
from pneumonia_cli.client.errors import UsageProblem
from pneumonia_cli.client.service import Service
from pneumonia_cli.client.signing import Anonymous, Bearer, SigV4, region_of
from pneumonia_cli.client.stack import Target, resolve


def authenticate(url: str, aws: Aws, token: str | None, *, sign: bool = True) -> AuthBase:
    """A token if there is one; else a signature where the URL is a Function URL; else nothing.

    Only a Function URL can check a signature: the local cloud, or a name of one's own in front of the
    service, takes a token or nothing. `sign` False leaves the signature out, for a service with auth `none`.
    Raises CredentialsError.
    """
    if token:
        return Bearer(token)
    region = region_of(url)
    if region is None or not sign:
        return Anonymous()
    return SigV4(aws.credentials(), region)


def open_service(url: str | None, aws: Aws, token: str | None, *, sign: bool = True, connections: int = 8) -> Service:
    """The service at a resolved URL."""
    if url is None:
        raise UsageProblem("The URL of the service is not known: give --url.")
    return Service(url, authenticate(url, aws, token, sign=sign), connections=connections)


def open_batch(
    aws: Aws, stack: str | None, named: Target, token: str | None, *, sign: bool, connections: int, uploads: bool
) -> tuple[Places, Service]:
    """The buckets and queues of a stack, and its API.

    `uploads` False where results are only fetched. Raises UsageProblem, ServiceError.
    """
    if uploads:
        needed: tuple[str, ...] = ("url", "upload_bucket", "result_bucket")
        target = resolve(aws, stack, named, needed, useful=("queue_url", "dead_letter_queue_url"))
    else:
        target = resolve(aws, stack, named, needed=("url", "result_bucket"))
    service = open_service(target.url, aws, token, sign=sign)
    sqs = aws.sqs() if uploads and target.queue_url and target.dead_letter_queue_url else None
    places = Places(
        aws.s3(connections),
        target.upload_bucket if uploads else None,
        str(target.result_bucket),
        sqs,
        target.queue_url,
        target.dead_letter_queue_url,
    )
    return places, service

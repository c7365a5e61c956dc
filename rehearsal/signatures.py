"""Check the signature of a request, as AWS does at a Function URL with IAM authentication."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_DATE: Final = "x-amz-date"
_DIGEST: Final = "x-amz-content-sha256"


def is_signed(method: str, url: str, headers: Mapping[str, str], body: bytes, credentials: Credentials) -> bool:
    """Return whether a request for Lambda was signed with these credentials (SigV4).

    `url` is the requested URL; `headers` have lower-case names. The age of the signature is not checked.
    """
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None or found["key"] != credentials.access_key or found["service"] != "lambda":
        return False
    signed = found["headers"].split(";")
    if _DATE not in signed or "host" not in signed or not headers.get(_DATE, "").startswith(found["date"]):
        return False
    if headers.get(_DIGEST, digest := hashlib.sha256(body).hexdigest()) != digest:
        return False
    request = AWSRequest(method, url, {name: headers.get(name, "") for name in signed}, body)
    request.context["timestamp"] = headers[_DATE]
    auth = SigV4Auth(credentials, "lambda", found["region"])
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return hmac.compare_digest(signature, found["signature"])

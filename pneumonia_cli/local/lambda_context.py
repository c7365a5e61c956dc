"""The context object that Lambda passes to a handler, as far as handlers may rely on it."""

import time
import uuid
from dataclasses import dataclass, field

from pneumonia_cli.local.names import ACCOUNT, REGION


@dataclass(frozen=True)
class LocalContext:
    """One invocation. Attributes as in AWS's own context object; the clock starts when it is made."""

    function_name: str
    timeout_seconds: float
    memory_limit_in_mb: int
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    started: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        return "local"

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the timeout. Nothing kills the handler when it is over, unlike on AWS."""
        return max(0, round((self.timeout_seconds - (time.monotonic() - self.started)) * 1000))

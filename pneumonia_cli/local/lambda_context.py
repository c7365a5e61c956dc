"""The context object that Lambda passes to a handler, with the attributes that handlers use."""

import time
import uuid
from dataclasses import dataclass, field

from pneumonia_cli.local.names import ACCOUNT, REGION


@dataclass(frozen=True)
class LocalContext:
    """The context of one invocation, with the attribute names of AWS. The clock starts at its creation."""

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
        """Return the remaining time. Unlike on AWS, the handler is not killed when the time is over."""
        return max(0, round((self.timeout_seconds - (time.monotonic() - self.started)) * 1000))

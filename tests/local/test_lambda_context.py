import time

from pneumonia_cli.local.lambda_context import LocalContext


def test_every_context_is_a_separate_invocation() -> None:
    one, other = LocalContext("f", 30, 1769), LocalContext("f", 30, 1769)
    assert one.aws_request_id != other.aws_request_id


def test_time_runs_out() -> None:
    assert 0 < LocalContext("f", 30, 1769).get_remaining_time_in_millis() <= 30_000
    over = LocalContext("f", 30, 1769, started=time.monotonic() - 31)
    assert over.get_remaining_time_in_millis() == 0


def test_names_follow_the_function() -> None:
    context = LocalContext("pneumonia-api", 30, 1769)
    assert context.invoked_function_arn.endswith(":function:pneumonia-api")
    assert context.log_group_name == "/aws/lambda/pneumonia-api"

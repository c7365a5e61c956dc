from pneumonia.http.token_secret import read_tokens
from pneumonia_cli.local.access import SECRET_ID, create_token
from pneumonia_cli.local.cloud import Cloud


def test_token_is_where_the_handler_looks_for_it(cloud: Cloud) -> None:
    token = create_token()
    assert read_tokens(SECRET_ID) == [token]

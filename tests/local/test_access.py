from pneumonia.http.token_secret import digest_of, read_tokens
from pneumonia_cli.local.access import create_token
from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.names import TOKEN_SECRET


def test_token_is_where_the_handler_looks_for_it(cloud: Cloud) -> None:
    token = create_token()
    assert [known.digest for known in read_tokens(TOKEN_SECRET)] == [digest_of(token)]

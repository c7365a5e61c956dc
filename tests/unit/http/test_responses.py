import base64

from pneumonia.http.responses import Response, json_response


def test_text_is_returned_unchanged_and_bytes_as_base64() -> None:
    assert json_response({"a": 1}).to_lambda() == {
        "statusCode": 200,
        "headers": {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
        "body": '{"a": 1}',
        "isBase64Encoded": False,
    }
    raw = Response(200, "image/png", b"\x89PNG").to_lambda()
    assert (base64.b64decode(raw["body"]), raw["isBase64Encoded"]) == (b"\x89PNG", True)
    assert raw["headers"] == {"Content-Type": "image/png"}

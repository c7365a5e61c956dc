import pytest

from pneumonia_cli.reporting.printable import printable

SIGN = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("steers", list("\x1b\x07\r\n\t\x7f\x9b\u202e\u2066\u200b\u2028\u2029\ufeff\udc80"))
def test_control_characters_are_replaced(steers: str) -> None:
    assert printable(f"a{steers}b").plain == f"a{SIGN}b"


def test_names_of_all_languages_stay() -> None:
    for text in ("Röntgen 胸部.png", "[red]a[/red]", "a b", "🫁"):
        assert printable(text).plain == text
        assert not printable(text).spans

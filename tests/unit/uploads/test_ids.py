import pytest

from pneumonia.uploads.ids import (
    CLOCK_SKEW_SECONDS,
    content_id,
    id_of_key,
    is_id,
    may_be_pending,
    new_id,
    upload_key,
)

NOW = 1_795_166_073.9


def test_a_new_id_is_valid() -> None:
    assert is_id(new_id(NOW))


def test_ids_of_the_same_moment_differ_in_their_random_part() -> None:
    ids = {new_id(NOW) for _ in range(100)}
    assert len({text[9:] for text in ids}) == 100
    assert len({text[:9] for text in ids}) == 1
    assert all(len(text) == 8 + 1 + 128 // 4 for text in ids)


def test_later_ids_sort_after_earlier_ones() -> None:
    moments = [0, 1, 31, 32, 2**31, NOW, NOW + 1, 2**39]
    ids = [new_id(moment) for moment in sorted(moments)]
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "../../images/jane-doe",
        new_id(NOW).upper(),
        new_id(NOW) + "\n",
        new_id(NOW) + "0",
        new_id(NOW)[1:],
        new_id(NOW).replace("-", "_"),
        "wwwwwwww" + new_id(NOW)[8:],
        new_id(NOW)[:-1] + "g",
    ],
    ids=["empty", "short", "path", "capitals", "new line", "long", "cut", "underscore", "no time", "no hexadecimal"],
)
def test_other_texts_are_not_ids(text: str) -> None:
    assert not is_id(text)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (0, True),
        (1500, True),
        (1501.5, False),
        (-CLOCK_SKEW_SECONDS, True),
        (-CLOCK_SKEW_SECONDS - 2, False),
        (1e9, False),
    ],
)
def test_only_a_recent_id_may_be_pending(later: float, expected: bool) -> None:
    assert may_be_pending(new_id(NOW), int(NOW) + later, patience_seconds=1500) is expected


def test_key_is_under_the_prefix() -> None:
    assert upload_key("abc") == "api/abc"


class TestOfContent:
    def test_the_same_bytes_always_have_one_key(self) -> None:
        first, later = content_id(b"image", NOW), content_id(b"image", NOW + 1000)
        assert is_id(first)
        assert first != later
        assert upload_key(first) == upload_key(later)
        assert upload_key(content_id(b"image2", NOW)) != upload_key(first)

    def test_it_may_be_pending_after_it_was_sent(self) -> None:
        assert may_be_pending(content_id(b"image", NOW), NOW, patience_seconds=60)
        assert not may_be_pending(content_id(b"image", NOW - 100), NOW, patience_seconds=60)

    def test_from_the_key_to_an_id(self) -> None:
        upload_id = content_id(b"image", NOW)
        assert id_of_key(upload_key(upload_id), NOW) == upload_id

    @pytest.mark.parametrize(
        "text", [content_id(b"", NOW)[:-1], content_id(b"", NOW) + "0", content_id(b"", NOW).upper()]
    )
    def test_another_length_is_not_an_id(self, text: str) -> None:
        assert not is_id(text)


def test_ids_of_keys() -> None:
    upload_id = new_id(NOW)
    assert id_of_key(f"api/{upload_id}", 0) == upload_id
    hashed = content_id(b"image", NOW)
    for key in (upload_id, f"ward/{upload_id}", "api/image.png", f"api/{hashed}", hashed[9:], f"api/{hashed[9:]}0"):
        assert id_of_key(key, NOW) is None

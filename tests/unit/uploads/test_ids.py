import pytest

from pneumonia.uploads.ids import CLOCK_SKEW_SECONDS, is_id, may_be_pending, new_id, upload_key

NOW = 1_795_166_073.9


def test_an_id_is_one() -> None:
    assert is_id(new_id(NOW))


def test_ids_of_the_same_moment_differ_in_what_cannot_be_guessed() -> None:
    ids = {new_id(NOW) for _ in range(100)}
    assert len({text[9:] for text in ids}) == 100
    assert len({text[:9] for text in ids}) == 1
    assert all(len(text) == 8 + 1 + 128 // 4 for text in ids)


def test_later_ids_sort_behind_earlier_ones() -> None:
    moments = [0, 1, 31, 32, 2**31, NOW, NOW + 1, 2**39]
    ids = [new_id(moment) for moment in sorted(moments)]
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "../../films/jane-doe",
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
def test_anything_else_is_none(text: str) -> None:
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
def test_only_a_fresh_id_is_waited_for(later: float, expected: bool) -> None:
    assert may_be_pending(new_id(NOW), int(NOW) + later, patience_seconds=1500) is expected


def test_key_is_under_the_prefix() -> None:
    assert upload_key("abc") == "api/abc"

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumonia.uploads.names import (
    ARCHIVES,
    HEATMAP_SUFFIX,
    JSON_SUFFIX,
    RESERVED,
    RUNS,
    archive_name,
    archive_stem,
    former_stem,
    is_contested,
    is_hashed,
    result_key,
    stem_prefixes,
    upload_stem,
)

LONGEST = 1024 - len(HEATMAP_SUFFIX)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_suffix_is_added() -> None:
    assert result_key("ward 3/Röntgen.png", JSON_SUFFIX) == "ward 3/Röntgen.png.json"
    assert result_key("a", HEATMAP_SUFFIX) == "a.heatmap.png"


def test_longest_key_that_fits() -> None:
    key = "k" * LONGEST
    assert result_key(key, HEATMAP_SUFFIX) == key + HEATMAP_SUFFIX


@pytest.mark.parametrize("letter", ["k", "ü", "胸", "🫁"])
@pytest.mark.parametrize("size", [1013, 1024])
def test_longer_keys_are_cut_the_same_for_both_objects(letter: str, size: int) -> None:
    width = len(letter.encode())
    key = letter * (size // width) + "x" * (size % width)
    assert len(key.encode()) == size
    one, two = result_key(key, JSON_SUFFIX), result_key(key, HEATMAP_SUFFIX)
    assert one.removesuffix(JSON_SUFFIX) == two.removesuffix(HEATMAP_SUFFIX)
    assert len(two.encode()) <= 1024
    assert one.startswith(letter * 100)
    assert one.endswith(f"~{digest(key)}.json")


def test_cut_keys_stay_different() -> None:
    assert result_key("k" * 1020 + "1", JSON_SUFFIX) != result_key("k" * 1020 + "2", JSON_SUFFIX)


def test_an_upload_never_has_the_result_of_an_archived_image() -> None:
    upload = "archive/hospital/a.png"
    assert upload_stem(upload) == f"~{upload}~{digest(upload)}"
    assert archive_stem(archive_name("hospital", "a.png")) == upload  # as documented, and as earlier versions wrote it


def test_an_upload_never_has_the_summary_of_a_run() -> None:
    upload = "backfill-runs/march/summary"
    assert result_key(upload, JSON_SUFFIX) == f"~{upload}~{digest(upload)}.json"


def test_a_key_that_looks_like_the_name_of_a_longer_one_has_another_name() -> None:
    longer = "k" * 1020
    lookalike = result_key(longer, JSON_SUFFIX).removesuffix(JSON_SUFFIX)
    assert len(lookalike) == LONGEST
    assert result_key(lookalike, JSON_SUFFIX) != result_key(longer, JSON_SUFFIX)
    assert result_key(longer, JSON_SUFFIX) == former_stem(longer) + JSON_SUFFIX  # where earlier versions wrote it
    assert former_stem(lookalike) == lookalike == former_stem(longer)


# Few letters, and parts of names, so that the keys are similar.
PIECES = st.sampled_from(["a", "~", "/", "ü", "archive/", "backfill-runs/", "~" + "0" * 64, "k" * 960, "b"])
KEYS = (
    st.lists(PIECES, min_size=1, max_size=5).map("".join).map(lambda key: key.encode()[:1024].decode(errors="ignore"))
)


@given(KEYS.filter(bool), KEYS.filter(bool))
def test_no_two_images_share_a_result(one: str, two: str) -> None:
    crafted = {one, two, former_stem(one), upload_stem(one), upload_stem(two), upload_stem(upload_stem(one))}
    uploads = [key for key in crafted if len(key.encode()) <= 1024]
    archived = [archive_stem(archive_name("hospital", key)) for key in uploads]
    stems = [*map(upload_stem, uploads), *archived]
    assert len(set(stems)) == len(stems)
    for stem in stems:
        assert len((stem + HEATMAP_SUFFIX).encode()) <= 1024
    assert not any(upload_stem(key).startswith(RESERVED) for key in uploads)
    assert all(stem.startswith(ARCHIVES) for stem in archived)
    assert all(is_contested(former_stem(key)) for key in uploads if former_stem(key) != upload_stem(key))


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", [""]),
        ("ward/", ["ward/"]),
        ("arch", ["arch", "~arch"]),
        ("archive/hospital/", ["archive/hospital/", "~archive/hospital/"]),
        (RUNS, [RUNS, "~" + RUNS]),
        ("archived", ["archived"]),
    ],
)
def test_prefixes_of_results(prefix: str, expected: list[str]) -> None:
    assert stem_prefixes(prefix) == expected


def test_which_names_are_hashed() -> None:
    assert is_hashed(upload_stem("archive/a"))
    assert is_hashed("~" + "0" * 64)
    assert not is_hashed("a~" + "0" * 63)
    assert not is_hashed("a~" + "A" * 64)

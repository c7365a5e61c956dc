import pytest

from tools.figures.markers import UnknownFigure, filled, names

TEXT = "On the <!-- figure: a.b -->old<!-- /figure --> images,\n<!-- figure: table -->\n| x |\n<!-- /figure -->\nend"


def test_only_the_marked_figures_are_filled() -> None:
    found = filled(TEXT, {"a.b": "7", "table": "| 1 |\n| 2 |", "unused": "3"})
    assert found == (
        "On the <!-- figure: a.b -->7<!-- /figure --> images,\n"
        "<!-- figure: table -->\n| 1 |\n| 2 |\n<!-- /figure -->\nend"
    )
    assert filled(found, {"a.b": "7", "table": "| 1 |\n| 2 |"}) == found
    assert names(TEXT) == {"a.b", "table"}


def test_text_with_backslashes_is_unchanged() -> None:
    assert filled("x <!-- figure: a -->x<!-- /figure -->", {"a": r"\1"}) == r"x <!-- figure: a -->\1<!-- /figure -->"


@pytest.mark.parametrize(
    "text",
    [
        "x <!-- figure: nobody -->1<!-- /figure -->",
        "x <!-- figure: a -->1",
        "1<!-- /figure -->",
        "text\n<!-- figure: a -->1<!-- /figure --> continues",
        "x <!-- figure: a -->1 <!-- figure: a -->2<!-- /figure --> <!-- /figure -->",
    ],
)
def test_an_unknown_figure_and_a_marker_in_the_wrong_place_are_refused(text: str) -> None:
    with pytest.raises(UnknownFigure):
        filled(text, {"a": "1"})

"""docs/images/dashboard.png shows the layout of the template, and every line of it has sample data."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.infra.conftest import ROOT
from tools import dashboard_picture, sample_metrics


@pytest.fixture(scope="module")
def drawn(stack):
    return dashboard_picture.read_widgets(stack.template)


def test_the_picture_in_the_documents_is_of_this_layout(drawn):
    with Image.open(ROOT / "docs" / "images" / "dashboard.png") as picture:
        shown = picture.text[dashboard_picture.LAYOUT]
    assert shown == dashboard_picture.layout(drawn), "the dashboard has changed: run make dashboard-picture"


def test_it_can_be_drawn_and_says_that_the_data_are_made_up(drawn):
    assert "made up" in dashboard_picture.TITLE
    with Image.open(io.BytesIO(dashboard_picture.draw(drawn))) as picture:
        assert (picture.format, picture.width) == ("PNG", 1200)
        assert len(picture.convert("RGB").getcolors(picture.width * picture.height)) > 10


def test_every_line_of_every_graph_has_data(drawn):
    graphs = [widget["properties"] for widget in drawn if widget["type"] == "metric"]
    assert len(graphs) > 15
    for properties in graphs:
        if properties["view"] == "bar":
            continue
        lines = dashboard_picture.lines_of(properties)
        assert len({len(line.values) for line in lines}) == 1
        assert all(np.isfinite(line.values).all() and line.label for line in lines), properties["title"]
        assert not any("${" in line.label for line in lines)


def test_a_histogram_is_of_all_scores():
    assert sample_metrics.histogram("api", 10).sum() == pytest.approx(100)


def test_the_same_data_each_time(drawn):
    (cost,) = [widget["properties"] for widget in drawn if widget["properties"].get("view") == "singleValue"]
    first, second = (dashboard_picture.lines_of(cost)[0].values for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (np.diff(first) > 0).all()

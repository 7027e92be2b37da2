"""Views that several tests look at, rendered once."""
import pytest

from lhl.synthetic.rooms import render

from .keypoint_scores import BOX, scores


@pytest.fixture(scope='package')
def views():
    """80 rooms of 48 x 64 pixels."""
    return [render(seed, 48, 64) for seed in range(80)]


@pytest.fixture(scope='package')
def few_views(views):
    return views[:12]


@pytest.fixture(scope='package')
def image():
    return render(3, 96, 128).image


@pytest.fixture(scope='package')
def box_scores():
    return scores(BOX)


@pytest.fixture(scope='package')
def rooms():
    """Of each of 40 seeds, the room of 24 x 32 pixels without and with people."""
    return [(render(seed, 24, 32), render(seed, 24, 32, people=True)) for seed in range(40)]

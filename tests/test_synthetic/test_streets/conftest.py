"""Streets that several tests look at, rendered once."""
import pytest

from lhl.synthetic.streets.street import render_street


@pytest.fixture(scope='package')
def views():
    """40 streets of 32 x 64 pixels."""
    return [render_street(seed, 32, 64) for seed in range(40)]

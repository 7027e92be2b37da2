import math
from types import SimpleNamespace

from lhl.visualization.page.html_page import score_text


def test_an_undefined_score_has_no_unit():
    run = SimpleNamespace(higher_is_better={'depth': {'AbsErr': False}}, units={'depth': {'AbsErr': 'm'}})
    assert score_text(run, 'depth', {'AbsErr': 2.0}) == 'AbsErr 2.00 m'
    assert score_text(run, 'depth', {'AbsErr': math.nan}) == 'AbsErr undefined'
    assert score_text(run, 'depth', {}) == ''

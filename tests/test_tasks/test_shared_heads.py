import pytest

from lhl.errors import ConfigError
from lhl.tasks import DepthEstimation, ImageClassification, SemanticSegmentation, check_shared_heads


def view(name, labels=None, num_classes=6, head='objects'):
    return ImageClassification(name, num_classes, labels, head)


def test_tasks_of_different_labels_may_share_a_head_and_those_of_other_heads_need_not_agree():
    other = view('c', num_classes=3, head='c')
    check_shared_heads([view('a', [0, 1]), DepthEstimation('depth'), view('b', [2]), other])


@pytest.mark.parametrize('tasks, message', [
    ([view('a', [0, 1, 4]), view('b', [2]), view('c', [4, 1])],
     "the tasks 'a' and 'c' share the head 'objects' but both teach the labels 1, 4; give each label to one task"),
    ([view('a', [0]), view('b', [1], 7)], "but have num_classes=6 and 7; give both the number of all classes"),
    ([SemanticSegmentation('objects', 6), view('a', [0])],
     'but are of the kinds SemanticSegmentation and ImageClassification; give one of them another head'),
])
def test_what_cannot_share_a_head_is_refused(tasks, message):
    with pytest.raises(ConfigError) as found:
        check_shared_heads(tasks)
    assert message in str(found.value)

import json

import pytest
import torch
from mmengine.model import BaseModule
from torch import nn

from lhl.engine import load_weights, weights_digest
from lhl.engine.checkpoint import build_learner, training_checkpoints
from lhl.errors import CheckpointError
from lhl.registry import MODELS


class TwoHeads(nn.Module):
    def __init__(self, channels=4, names=('old', 'new')):
        super().__init__()
        self.trunk = nn.Linear(3, channels)
        self.heads = nn.ModuleDict({name: nn.Linear(channels, 2) for name in names})


# ---- loading -------------------------------------------------------------------------------------------------------

def test_only_the_named_head_may_be_missing():
    old, student = TwoHeads(names=('old', )), TwoHeads()
    new_head = student.heads['new'].weight.detach().clone()
    load_weights(student, old.state_dict(), 'old.pth', may_miss=['heads.new.'])
    assert torch.equal(student.trunk.weight, old.trunk.weight)
    assert torch.equal(student.heads['old'].bias, old.heads['old'].bias)
    assert torch.equal(student.heads['new'].weight, new_head)
    with pytest.raises(CheckpointError, match=r"2 keys are missing \(first 'heads.new.weight'\)"):
        load_weights(TwoHeads(), old.state_dict(), 'old.pth')
    with pytest.raises(CheckpointError, match=r"1 keys are missing \(first 'trunk.bias'\)"):
        without = {key: value for key, value in old.state_dict().items() if key != 'trunk.bias'}
        load_weights(TwoHeads(), without, 'old.pth', may_miss=['heads.new.'])


def test_a_head_whose_name_begins_like_the_new_one_may_not_be_missing():
    with pytest.raises(CheckpointError, match="heads.newer.weight"):
        load_weights(TwoHeads(names=('new', 'newer')), TwoHeads(names=()).state_dict(), 'a.pth',
                     may_miss=['heads.new.'])


def test_another_architecture_is_refused_with_keys_and_shapes_and_changes_nothing():
    model = TwoHeads(channels=4)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_weights(model, TwoHeads(channels=5, names=('old', 'other')).state_dict(), 'other.pth')
    message = str(caught.value)
    assert message.startswith('other.pth is of another architecture or task list')
    assert "2 keys are missing (first 'heads.new.weight')" in message
    assert "2 keys are unknown (first 'heads.other.weight')" in message
    assert "3 shapes differ (first 'trunk.weight': found (5, 3), expected (4, 3))" in message
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


# ---- finding ------------------------------------------------------------------------------------------------------

def test_training_checkpoints_within_an_epoch_come_between_those_after_the_epochs(tmp_path):
    for name in ('epoch_2.pth', 'epoch_1_iter_12.pth', 'epoch_1_iter_9.pth', 'epoch_1.pth', 'epoch_0_iter_7.pth'):
        (tmp_path / name).touch()
        (tmp_path / f'{name}.tmp').touch()
    assert [path.name for path in training_checkpoints(tmp_path)] == [
        'epoch_2.pth', 'epoch_1_iter_12.pth', 'epoch_1_iter_9.pth', 'epoch_1.pth', 'epoch_0_iter_7.pth']


def test_training_checkpoints_are_ordered_by_number_and_nothing_else_counts(tmp_path):
    for name in ('epoch_9.pth', 'epoch_10.pth', 'epoch_2.pth', 'phase.pth', 'epoch_11.pth.tmp', 'best_epoch_12.pth'):
        (tmp_path / name).touch()
    assert [path.name for path in training_checkpoints(tmp_path)] == ['epoch_10.pth', 'epoch_9.pth', 'epoch_2.pth']
    assert training_checkpoints(tmp_path / 'nowhere') == []


# ---- the digest ----------------------------------------------------------------------------------------------------

def test_the_digest_does_not_depend_on_memory_layout_or_order():
    weights = dict(a=torch.randn(4, 3, 5, 5), b=torch.tensor(3), c=torch.randn(6, 2), empty=torch.zeros(0))
    same = dict(empty=torch.zeros(0), c=weights['c'].T.contiguous().T, b=torch.tensor(3),
                a=weights['a'].to(memory_format=torch.channels_last))
    assert not same['a'].is_contiguous() and not same['c'].is_contiguous()
    assert weights_digest(same) == weights_digest(weights)


@pytest.mark.parametrize('other', [
    dict(a=torch.tensor([1.0, 2.0001])), dict(b=torch.tensor([1.0, 2.0])), dict(a=torch.tensor([[1.0, 2.0]])),
    dict(a=torch.tensor([1.0, 2.0], dtype=torch.float64)), dict(a=torch.tensor([1.0, 2.0]), b=torch.zeros(0)), {}])
def test_the_digest_depends_on_names_shapes_types_and_values(other):
    assert weights_digest(other) != weights_digest(dict(a=torch.tensor([1.0, 2.0])))


def test_weights_without_a_description_are_refused():
    with pytest.raises(CheckpointError, match='does not say which model it holds'):
        build_learner(dict(state_dict={}), 'weights.pth')


def test_a_phase_checkpoint_of_another_version_is_refused():
    with pytest.raises(CheckpointError, match=r'a\.safetensors has version 2, expected 1; use the lhl that wrote it'):
        build_learner(dict(state_dict={}, lhl=dict(version=2, model='{}')), 'a.safetensors')


def test_a_learner_is_rebuilt_without_fetching_the_weights_that_it_once_began_with(monkeypatch):
    """Checkpoints of before kept a backbone's option that fetches weights while it is built."""
    fetched = []

    class FetchingBackbone(BaseModule):
        def __init__(self, pretrained=True, init_cfg=None):
            super().__init__(init_cfg)
            self.conv = nn.Conv2d(3, 8, 3)
            if pretrained:
                fetched.append(pretrained)
    monkeypatch.setitem(MODELS.module_dict, 'FetchingBackbone', FetchingBackbone)
    model = dict(type='Learner', backbone=dict(type='FetchingBackbone', pretrained='weights.pth'), head={}, tasks={})
    learner = MODELS.build(model)
    assert fetched == ['weights.pth']
    checkpoint = dict(state_dict=learner.state_dict(), lhl=dict(version=1, model=json.dumps(model)))
    rebuilt = build_learner(checkpoint, 'phase.safetensors')
    assert fetched == ['weights.pth'] and weights_digest(rebuilt.state_dict()) == weights_digest(learner.state_dict())

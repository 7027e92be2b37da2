from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from lhl.engine import LearnerRunner
from lhl.engine.plan.sections import dist_problems
from lhl.engine.runtime import process_group
from lhl.engine.runtime.process_group import end_distributed, lost_processes_as_errors, meet
from lhl.errors import ConfigError, LostProcessError, RunError
from lhl.methods import Phase, Student, Vanilla
from lhl.models import Learner

GLOO = ('[/a/gloo/transport/tcp/pair.cc:537] Read error [10.0.0.1]:1: Connection reset by peer. This is typically '
        'caused by a remote worker')


def test_ending_closes_the_process_group_and_may_be_asked_for_without_one(tmp_path):
    torch.distributed.init_process_group('gloo', f'file://{tmp_path}/meeting', rank=0, world_size=1)
    end_distributed()
    assert not torch.distributed.is_initialized()
    end_distributed()


@pytest.mark.parametrize('used_map, options, is_searched', [
    (0, {}, True), (0, dict(static_graph=True), False), (0, dict(find_unused_parameters=True), True), (1, {}, False)])
def test_weights_without_a_gradient_do_not_stop_distributed_training(
        used_map, options, is_searched, tmp_path, monkeypatch):
    """Where the head uses the first of two maps, the second stage is idle; not every graph can be searched for it."""
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    backbone = dict(type='mmseg.ResNet', depth=18, base_channels=2, stem_channels=2, num_stages=2, strides=(1, 2),
                    dilations=(1, 1), out_indices=(0, 1), norm_cfg=dict(type='BN'), with_cp=not is_searched)
    head = dict(type='LinearHead', in_channels=None, in_index=used_map)
    learner = Learner(backbone, head, dict(a=dict(type='ImageClassification', num_classes=2)), channels_last=False)
    student = Student(learner, Vanilla(), Phase(1, ('a', ), ('a', ))).train()
    student.begin_phase()
    before = {name: value.clone() for name, value in student.state_dict().items()}
    torch.distributed.init_process_group('gloo', f'file://{tmp_path}/meeting', rank=0, world_size=1)
    try:
        model = LearnerRunner.wrap_model(SimpleNamespace(distributed=True, learner=learner), options, student)
        assert model.find_unused_parameters is is_searched
        assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())
        assert learner.training and learner.backbone.layer1[0].with_cp is not is_searched
        images, targets = torch.rand(2, 3, 16, 16), dict(a=torch.zeros(2, 1, 1, dtype=torch.long))
        for _ in range(3):
            losses = model(images, targets, dict(a=torch.ones(2, 1, 1, dtype=torch.bool)), mode='loss')
            sum(losses.values()).backward()
    finally:
        end_distributed()
    idle = {name for name, weight in learner.named_parameters() if weight.grad is None}
    assert idle == {name for name, _ in learner.named_parameters() if used_map == 0 and 'layer2' in name}


@pytest.mark.parametrize('options, words', [
    (dict(env_cfg=dict(dist_cfg=dict(backend='nccl', timeout=30.5))), []),
    (dict(env_cfg=dict(dist_cfg=None)), []),
    (dict(model_wrapper_cfg=dict(type='MMDistributedDataParallel', static_graph=True)), []),
    (dict(env_cfg=dict(dist_cfg=dict(port=29501))), ['port', 'MASTER_PORT']),
    (dict(env_cfg=dict(dist_cfg=dict(timeout=0))), ['timeout=0', 'above 0']),
    (dict(env_cfg=dict(dist_cfg=dict(timeout='10 min'))), ["'10 min'"]),
    (dict(env_cfg=dict(dist_cfg=dict(timeout=True))), ['timeout=True']),
    (dict(env_cfg=dict(dist_cfg=dict(timeout=float('nan')))), ['timeout=nan']),
    (dict(model_wrapper_cfg=dict(type='MMFullyShardedDataParallel')),
     ["'MMFullyShardedDataParallel'", "'MMDistributedDataParallel'"]),
    (dict(model_wrapper_cfg=dict(type='MMSeparateDistributedDataParallel')), ["'MMSeparateDistributedDataParallel'"]),
    (dict(model_wrapper_cfg='MMFullyShardedDataParallel'), ["'MMFullyShardedDataParallel'"]),
    (dict(strategy=dict(type='DeepSpeedStrategy')), ['strategy', 'remove it']),
    (dict(runner_type='FlexibleRunner'), ["runner_type='FlexibleRunner'", 'remove it'])])
def test_what_cannot_be_distributed_is_named_before_training(options, words):
    problems = list(dist_problems(Config(options)))
    assert len(problems) == bool(words) and all(word in problems[0] for word in words)


@pytest.mark.parametrize('launcher, name', [
    ('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_RANK')])
def test_a_launcher_that_did_not_start_the_process_is_refused(launcher, name, monkeypatch):
    for names in process_group.LAUNCHERS.values():
        for variable in names:
            monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match=f'launcher={launcher!r} finds no number in the .* {name},'):
        meet(launcher)


def test_an_unknown_launcher_is_refused():
    with pytest.raises(ConfigError, match="launcher='slrum' is unknown"):
        meet('slrum')


def test_processes_that_cannot_meet_say_where(monkeypatch):
    for name, value in dict(RANK='0', WORLD_SIZE='2', LOCAL_RANK='0', MASTER_ADDR='127.0.0.1', MASTER_PORT='x').items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RunError, match='the 2 processes of the run do not meet at 127.0.0.1:x'):
        meet('pytorch')


def test_a_failed_communication_is_a_lost_process_and_other_errors_stay_what_they_are(monkeypatch):
    with pytest.raises(RuntimeError, match='gloo'), lost_processes_as_errors():
        raise RuntimeError(GLOO)  # no process of a distributed run
    monkeypatch.setattr(process_group._Meeting, 'store', object())
    with pytest.raises(LostProcessError, match=r'\(Read error \[10.0.0.1\]:1: Connection reset by peer\); go on$'), \
            lost_processes_as_errors('go on'):
        raise RuntimeError(GLOO)
    with pytest.raises(LostProcessError), lost_processes_as_errors():
        try:
            raise RuntimeError(GLOO)
        finally:
            raise KeyboardInterrupt  # the launcher ends the others
    with pytest.raises(RuntimeError, match='shapes'), lost_processes_as_errors():
        raise RuntimeError('shapes differ')
    with pytest.raises(KeyboardInterrupt), lost_processes_as_errors():
        raise KeyboardInterrupt


def test_one_process_tells_and_the_next_one_does_where_the_first_is_lost(monkeypatch):
    store = torch.distributed.HashStore()
    monkeypatch.setattr(process_group._Meeting, 'store', store)
    assert not process_group.was_told()
    assert [process_group.claim_to_tell(is_lost=False) for _ in range(3)] == [True, False, False]
    assert process_group.was_told()

    class Gone:
        def add(self, *args):
            raise RuntimeError('the host is gone')

    monkeypatch.setattr(process_group._Meeting, 'store', Gone())
    for rank, tells in (('1', True), ('2', False)):
        monkeypatch.setenv('RANK', rank)
        assert process_group.claim_to_tell(is_lost=True) is tells
        assert not process_group.claim_to_tell(is_lost=False) and not process_group.was_told()

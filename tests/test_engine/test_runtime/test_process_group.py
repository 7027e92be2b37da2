import pytest
import torch
from mmengine.config import Config

from lhl.engine.runtime import process_group
from lhl.engine.runtime.process_group import dist_problems, end_distributed, lost_processes_as_errors, meet
from lhl.errors import ConfigError, LostProcessError, RunError

GLOO = ('[/a/gloo/transport/tcp/pair.cc:537] Read error [10.0.0.1]:1: Connection reset by peer. This is typically '
        'caused by a remote worker')


def test_ending_closes_the_process_group_and_may_be_asked_for_without_one(tmp_path):
    torch.distributed.init_process_group('gloo', f'file://{tmp_path}/meeting', rank=0, world_size=1)
    end_distributed()
    assert not torch.distributed.is_initialized()
    end_distributed()


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

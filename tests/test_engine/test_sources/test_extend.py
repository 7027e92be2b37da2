from pathlib import Path

import pytest
from mmengine.config import Config

from lhl.engine import Stream
from lhl.engine.sources.base import Source, SourcePhase
from lhl.engine.sources.extend import check_old_data, extended_config
from lhl.errors import ConfigError
from lhl.evaluation import PhaseResults

DEPTH = dict(type='DepthEstimation')
LOADER = dict(batch_size=2, dataset=dict(type='NYUv2', data_root='old'))


def source(seed=0, digest='1' * 64, **loaders):
    """A run that has learned depth, then two tasks at once."""
    def phase(number, trained_by, names, digest='0' * 64):
        entry = dict(task=names[0]) if len(names) == 1 else dict(tasks=names)
        return SourcePhase(dict(entry, trained_by=trained_by), {name: loaders.get(name, LOADER) for name in names},
                           PhaseResults(number, names, {}, 1, 1, 1, 1, 1, 0, digest, ''), Path('phase.safetensors'))
    phases = phase(1, 'Vanilla', ['depth']), phase(2, 'HAD', ['near', 'far'], digest)
    tasks = {name: DEPTH for name in ('depth', 'near', 'far')}
    model = dict(type='Learner', backbone=dict(type='CIFARLeNet'), head=dict(type='ASPPHead', in_channels=None))
    return Source(Path('run'), phases, tasks, model, seed)


def new(**options):
    return Config(dict(tasks=dict(edges=dict(type='EdgeEstimation'), unused=DEPTH), phases=[dict(task='edges')],
                       val_dataloader=dict(batch_size=1), method=dict(type='HAD'), **options))


def test_the_sources_phases_come_first_with_who_trained_them_and_their_data():
    cfg = extended_config(source(), new())
    loader = dict(LOADER, _delete_=True)
    assert cfg.to_dict()['phases'] == [
        dict(task='depth', trained_by='Vanilla', val_dataloader=loader),
        dict(tasks=['near', 'far'], trained_by='HAD', val_dataloader=loader), dict(task='edges')]
    assert list(cfg.tasks) == ['depth', 'near', 'far', 'edges'] and cfg.starts_from == '1' * 64


@pytest.mark.parametrize('given, of_source, of_config, expected', [
    (None, 5, 1, 5), (None, 0, 1, 0), (0, 5, 1, 0), (0, None, 1, 0), (7, 0, 1, 7), (None, None, 1, 1),
    (None, None, 0, 0)])
def test_the_seed_is_the_given_one_then_the_sources_then_the_configs(given, of_source, of_config, expected):
    cfg = extended_config(source(seed=of_source), new(randomness=dict(seed=of_config, deterministic=True)), seed=given)
    assert cfg.randomness == dict(seed=expected, deterministic=True)


def test_old_tasks_may_be_scored_elsewhere_or_not_at_all():
    changes = dict(depth=dict(dataset=dict(data_root='moved')), near=None, far=None)
    first, second, _ = extended_config(source(), new(old_val_dataloader=changes)).phases
    assert first.val_dataloader.dataset == dict(type='NYUv2', data_root='moved') and second.val_dataloader is None
    assert [phase.val_dataloader for phase in extended_config(source(), new(), without_old_data=True).phases[:2]] == [
        None, None]


def test_only_the_data_of_old_tasks_is_looked_for_and_old_tasks_without_any_are_named(monkeypatch):
    said = []
    monkeypatch.setattr('lhl.engine.sources.extend.print_log', lambda text, logger: said.append(text))
    cfg = new()  # the new task has no data at all
    cfg.method = dict(type='Vanilla')
    check_old_data(Stream.from_config(extended_config(source(), cfg, without_old_data=True), check=False))
    assert said == ['depth, near, far will not be scored: without validation data']


def test_tasks_of_one_phase_have_one_validation_set():
    with pytest.raises(ConfigError, match='run: near, far of phase 2 are scored on different data, which one phase '
                                          'cannot; .*leave them unscored with `without_old_data=True`'):
        extended_config(source(near=dict(LOADER, batch_size=9)), new())


def test_the_order_of_the_new_phases_is_that_of_the_config():
    cfg = new(order=['unused', 'edges'])
    cfg.phases = [dict(task='edges', loss_weight=2), dict(task='unused')]
    extended = extended_config(source(), cfg)
    assert extended.to_dict()['phases'][2:] == [dict(task='unused'), dict(task='edges', loss_weight=2)]
    assert 'order' not in extended and 'order' in cfg

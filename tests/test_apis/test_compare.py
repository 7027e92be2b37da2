import csv
import itertools
import json
import shutil
import statistics

import pytest
from mmengine.config import Config
from sentences import the_error
from test_engine.tiny_stream import ROOT, run_tool

from lhl.apis import compare_runs, write_comparison
from lhl.apis.given_names import result_file
from lhl.engine.runtime.learner_runner import PlainConfig
from lhl.errors import ConfigError, RunError
from lhl.evaluation import (
    DepthMetric,
    NormalMetric,
    PhaseResults,
    Results,
    SegmentationMetric,
    published_table,
    published_tables,
)
from lhl.methods import Method, Requirements
from lhl.registry import METHODS
from lhl.visualization import Spread, comparison_table

TOOL = ROOT / 'tools' / 'analysis_tools' / 'compare.py'
STREAM = ('segmentation', 'depth')
DIRECTIONS = {'segmentation': {'mIoU': True}, 'depth': {'AbsErr': False}}
UNITS = {'segmentation': {'mIoU': '%'}, 'depth': {'AbsErr': 'm'}}
CONFIG = '''
tasks = dict(segmentation=dict(type='SemanticSegmentation', num_classes=13), depth=dict(type='DepthEstimation'))
phases = [dict(task='segmentation'), dict(task='depth')]
method = dict(type='HAD', alpha={alpha})
val_dataloader = dict(dataset=dict(type='NYUv2', data_root={data_root!r}, split='val'))
'''


@pytest.fixture
def write(tmp_path):
    """Write the results of a run with so much mIoU and AbsErr at its end, and give its folder."""
    def write_run(folder, miou=20., abs_err=1., method='HAD', seed=0, learned=40., stream=STREAM, config='c.py',
                  directions=DIRECTIONS, units=UNITS, at_once=False, phases=None, parameters=100, dumped=None):
        final = {'segmentation': {'mIoU': miou}, 'depth': {'AbsErr': abs_err}}
        results = Results(method, seed, list(stream), f'configs/{config}', 'hash', {}, directions, units)
        learned_in = [list(stream)] if at_once else [[task] for task in stream]
        for number, tasks in enumerate(learned_in[:phases], start=1):
            metrics = final if number == len(learned_in) else {tasks[0]: {
                metric: learned for metric in directions.get(tasks[0], {})}}
            results.add_phase(PhaseResults(number, tasks, metrics, 1, 1, 1, parameters, 0, 0, 'hash', 'phase.pth'))
        path = tmp_path / folder
        path.mkdir()
        results.save(path)
        if dumped:
            PlainConfig(Config.fromstring(dumped, '.py').to_dict()).dump(path / 'config.py')
        return path
    return write_run


def by_name(comparison):
    return {method.name: method for method in comparison.methods}


def refused(message, *arguments, **options):
    with pytest.raises((RunError, ConfigError)) as found:
        compare_runs(*arguments, **options)
    assert message in str(found.value), found.value


# ---- the numbers ----------------------------------------------------------------------------------------------------

def test_the_numbers_of_one_seed(write):
    # Delta: (+100 * (30 - 20) / 20 + 100 * (1 - 0.75) / 1) / 2 = (50 + 25) / 2; the first task fell from 40 to 30
    vanilla, had = write('v', 20., 1., 'Vanilla'), write('h', 30., 0.75)
    comparison = compare_runs([had], [vanilla])
    reference, method = comparison.methods
    assert (reference.name, method.name, comparison.reference) == ('Vanilla', 'HAD', 'Vanilla')
    assert method.metrics == {'segmentation': {'mIoU': (30., None, 1)}, 'depth': {'AbsErr': (0.75, None, 1)}}
    assert method.improvement == (37.5, None, 1) and reference.improvement == (0., None, 1)
    assert method.mean_rank == (1., None, 1) and reference.mean_rank == (2., None, 1)
    assert method.forgetting == (25., None, 1) and reference.forgetting == (50., None, 1)
    assert method.plasticity is None and not method.upper_bound


def test_mean_and_deviation_over_two_seeds(write):
    references = [write(f'v{seed}', 20., 1., 'Vanilla', seed) for seed in (0, 1)]
    runs = [write('h0', 30., 1.2, seed=0), write('h1', 40., 0.5, seed=1)]
    method = by_name(compare_runs(runs, references))['HAD']
    assert method.seeds == [0, 1]
    assert method.metrics['segmentation']['mIoU'] == (35., pytest.approx(50 ** 0.5), 2)
    assert method.improvement == (45., pytest.approx(1800 ** 0.5), 2)  # (50 - 20) / 2 = 15 and 75
    assert method.mean_rank == (1.25, pytest.approx(0.125 ** 0.5), 2)  # (1 + 2) / 2 and 1
    assert method.forgetting == (12.5, pytest.approx(312.5 ** 0.5), 2)  # 25 and 0


def test_delta_is_paired_by_seed(write):
    # Each seed doubles the mIoU of its own reference: twice (100 + 0) / 2. Paired the wrong way round, it would be
    # (300 + 0) / 2 and 0, with a mean of 75.
    references = [write('v0', 10., 1., 'Vanilla', 0), write('v1', 20., 1., 'Vanilla', 1)]
    runs = [write('h1', 40., 1., seed=1), write('h0', 20., 1., seed=0)]
    for order in (references, references[::-1]):
        row = by_name(compare_runs(runs, order))['HAD']
        assert row.improvement == (50., 0., 2) and row.seeds == [0, 1]
    # Paired, 100 / 2 and 0. Unpaired, the means 20 against 15 would give 33.3 / 2.
    runs = [write('e0', 20., 1., 'EWC', 0), write('e1', 20., 1., 'EWC', 1)]
    assert by_name(compare_runs(runs, references))['EWC'].improvement == (25., pytest.approx(1250 ** 0.5), 2)


def test_forgetting_and_plasticity_are_averaged_over_the_metrics_of_each_task_first(tmp_path):
    """Segmentation forgets (50 + 0) / 2 percent by its two metrics and depth 100 by its one: 62.5, not 150 / 3.

    When learned, against separate models: (-20 + 0) / 2, 50 and 0 for normals: 40 / 3.
    """
    stream = ['segmentation', 'depth', 'normal']
    directions = {'segmentation': {'mIoU': True, 'PixAcc': True}, 'depth': {'AbsErr': False}, 'normal': {'mean': False}}

    def write_run(method, *after_each_phase):
        results = Results(method, 0, stream, 'c.py', 'hash', {}, directions)
        for number, (task, metrics) in enumerate(zip(stream, after_each_phase, strict=True), start=1):
            results.add_phase(PhaseResults(number, [task], metrics, 1, 1, 1, 1, 0, 0, 'hash', 'phase.pth'))
        (tmp_path / method).mkdir()
        results.save(tmp_path / method)
        return tmp_path / method

    final = {'segmentation': {'mIoU': 20., 'PixAcc': 80.}, 'depth': {'AbsErr': 2.}, 'normal': {'mean': 30.}}
    had = write_run('HAD', {'segmentation': {'mIoU': 40., 'PixAcc': 80.}}, {'depth': {'AbsErr': 1.}}, final)
    single = write_run('Single', {'segmentation': {'mIoU': 50., 'PixAcc': 80.}}, {'depth': {'AbsErr': 2.}}, final)
    row, = compare_runs([had], [had], [single]).methods
    assert row.forgetting.mean == pytest.approx((25 + 100) / 2)
    assert row.plasticity.mean == pytest.approx((-10 + 50 + 0) / 3)


def write_published(table, folder):
    """Write a run for each row of a published table, and give their folders."""
    runs, kinds = {}, dict(segmentation=SegmentationMetric, depth=DepthMetric, normal=NormalMetric)
    units = {task: kinds[task].units for task in table.stream if task in kinds}
    for method, metrics in table.rows.items():
        results = Results(method, 0, list(table.stream), 'c.py', 'hash', {}, table.higher_is_better, units)
        phases = [list(table.stream)] if method == 'Joint' else [[task] for task in table.stream]
        for number, tasks in enumerate(phases, start=1):
            results.add_phase(PhaseResults(number, tasks, metrics, 1, 1, 1, 1, 0, 0, 'hash', 'phase.pth'))
        runs[method] = folder / method
        runs[method].mkdir()
        results.save(runs[method])
    return runs


@pytest.mark.parametrize('name', [name for name in published_tables() if name.startswith('had')])
def test_the_paper_is_reproduced(tmp_path, name):
    table = published_table(name)
    runs = write_published(table, tmp_path)
    comparison = compare_runs(list(runs.values()), [runs[table.reference]], compatibility=table.compatibility)
    assert len(comparison.methods) == len(table.rows)
    for row in comparison.methods:
        assert row.upper_bound == (row.name == 'Joint')
        doubts = {entry.column for entry in table.questionable if entry.method in (row.name, '*')}
        if doubts.isdisjoint({'*', 'Delta'}):
            assert row.improvement.mean == pytest.approx(table.delta[row.name], abs=0.011), row.name
        if doubts.isdisjoint({'*', 'MR'}):
            assert row.mean_rank.mean == pytest.approx(table.mean_rank[row.name], abs=0.0051), row.name


def test_table_1_prints_as_in_the_paper(tmp_path):
    table = published_table('had_table_1_resnet18')
    runs = write_published(table, tmp_path)
    text = comparison_table(compare_runs([runs['Joint'], runs['HAD'], runs['SPG']], [runs['Vanilla']],
                                         compatibility=table.compatibility))
    assert '| Joint † | 41.84 | 66.14 | 0.5793 | 0.2201 | 31.53 | 25.78 | 22.38 | 44.54 | 56.36 | +40.83 |' in text
    assert '| HAD | **35.12** | **59.63** | **0.7410** | **0.2641** | 35.32 | 30.55 | 17.23 | 37.26 | 49.12 ' \
           '| **+32.74** |' in text


# ---- rows -----------------------------------------------------------------------------------------------------------

def test_upper_bounds_come_first_then_the_reference(write):
    joint = write('j', 60., 0.2, 'Joint', at_once=True, stream=STREAM[::-1])  # its stream has no order
    had, vanilla = write('h', 30., 0.5), write('v', method='Vanilla')
    comparison = compare_runs([had, joint, vanilla], [vanilla])
    assert [row.name for row in comparison.methods] == ['Joint', 'Vanilla', 'HAD']
    assert list(comparison.higher_is_better) == list(STREAM)
    bound, _, had = comparison.methods
    assert bound.upper_bound and bound.forgetting is None and bound.mean_rank.mean == 1 and had.mean_rank.mean == 2


def test_columns_are_in_the_order_in_which_tasks_were_learned_one_after_the_other(write):
    joint = write('j', 60., 0.2, 'Joint', at_once=True, stream=STREAM[::-1])  # also where it is the reference
    assert list(compare_runs([write('h', 30., 0.5)], [joint]).higher_is_better) == list(STREAM)


def test_plasticity_is_measured_against_separate_models(write, monkeypatch):
    class Separate(Method):
        requires = Requirements(separate_models=True)

    monkeypatch.setitem(METHODS.module_dict, 'Separate', Separate)
    single = write('s', 50., 0.5, 'Separate', learned=50.)
    had, vanilla = write('h', 30., 0.75), write('v', method='Vanilla')
    comparison = compare_runs([had], [vanilla], [single])
    # HAD: 40 against 50 mIoU when learned, 0.75 against 0.5 metres: (-20 - 50) / 2
    assert by_name(comparison)['HAD'].plasticity == (pytest.approx(-35), None, 1)
    assert 'Separate' not in by_name(comparison)
    with_row = by_name(compare_runs([had, single], [vanilla], [single]))
    assert with_row['Separate'].upper_bound and with_row['Separate'].plasticity.mean == 0


def test_configs_of_one_method_are_rows_of_their_own(write):
    vanilla = write('v', method='Vanilla', config='vanilla_tiny_synthrooms.py')
    runs = [write(str(number), config=config) for number, config in enumerate(
        ['had_tiny_synthrooms.py', 'had_no_sg_tiny_synthrooms.py', 'had_no_db_tiny_synthrooms.py'])]
    assert list(by_name(compare_runs(runs, [vanilla]))) == ['Vanilla', 'HAD', 'HAD (no sg)', 'HAD (no db)']
    assert list(by_name(compare_runs(runs[1:2], [vanilla]))) == ['Vanilla', 'HAD']
    named = compare_runs(runs, [vanilla], names={runs[1]: 'without saliency'})
    assert list(by_name(named)) == ['Vanilla', 'HAD', 'without saliency', 'HAD (no db)']


@pytest.mark.parametrize('configs, names', [
    (['had_r18_nyuv2.py', 'had_r50_nyuv2.py'], ['HAD (r18)', 'HAD (r50)']),
    (['a.py', 'a_a.py'], ['HAD', 'HAD (a)']), (['mine.py', 'yours.py'], ['HAD (mine)', 'HAD (yours)'])])
def test_the_words_that_configs_share_are_left_away(write, configs, names):
    runs = [write(str(number), config=config) for number, config in enumerate(configs)]
    assert list(by_name(compare_runs(runs, runs[:1]))) == names


def test_a_run_that_is_given_twice_counts_once(write):
    vanilla, had = write('v', method='Vanilla'), write('h')
    comparison = compare_runs([had, had / 'results.json', vanilla, vanilla / '..' / 'v'], [vanilla])
    assert [(row.name, row.seeds) for row in comparison.methods] == [('Vanilla', [0]), ('HAD', [0])]


def test_methods_are_ranked_among_those_that_have_the_seed(write):
    references = [write(f'v{seed}', 20., 1., 'Vanilla', seed) for seed in (0, 1)]
    both = [write(f'h{seed}', 30., 0.5, seed=seed) for seed in (0, 1)]
    comparison = compare_runs([*both, write('e', 40., 0.25, 'EWC', seed=1)], references)
    assert {name: (row.seeds, row.mean_rank.mean) for name, row in by_name(comparison).items()} == {
        'Vanilla': ([0, 1], 2.5), 'HAD': ([0, 1], 1.5), 'EWC': ([1], 1.)}
    assert 'seeds differ (Vanilla 0, 1; HAD 0, 1; EWC 1)' in comparison.notes[0]


def test_without_a_reference_there_is_no_delta_but_all_else(write):
    # AbsErr 0.25 against 0.75: rank 1 and 2 of depth; mIoU 30 against 20: rank 1 and 2 of segmentation
    runs = [write('v', 20., 0.75, 'Vanilla'), write('h', 30., 0.25)]
    comparison = compare_runs(runs)
    assert [(row.name, row.improvement, row.mean_rank.mean) for row in comparison.methods] == [
        ('Vanilla', None, 2.), ('HAD', None, 1.)]
    for format in ('markdown', 'latex', 'csv'):
        table = comparison_table(comparison, format)
        assert 'Delta' not in table and 'Δ' not in table and 'MR' in table
    refused('`compatibility` had_nyuv2_printed is about Delta', runs, compatibility='had_nyuv2_printed')


# ---- refusals -------------------------------------------------------------------------------------------------------

def test_nothing_to_compare_is_refused(write):
    refused('found no run to compare', [], [write('v')])


def test_a_missing_run_or_reference_is_refused(write, tmp_path):
    refused(f'{tmp_path / "nowhere"} does not exist', [write('h')], [tmp_path / 'nowhere'])
    (tmp_path / 'empty').mkdir()
    refused('results.json does not exist', [tmp_path / 'empty'], [tmp_path / 'h'])


def test_another_version_is_refused(write):
    vanilla, had = write('v', method='Vanilla'), write('h')
    document = json.loads((had / 'results.json').read_text())
    (had / 'results.json').write_text(json.dumps({**document, 'version': 1}))
    refused('has version 1, expected 2', [had], [vanilla])


@pytest.mark.parametrize('phases, missing', [(0, 'phase 1 is missing, segmentation, depth not learned'),
                                             (1, 'phase 2 is missing, depth not learned')])
def test_an_unfinished_run_is_refused_with_the_missing_phase(write, phases, missing):
    unfinished = write('h', phases=phases)
    refused(f'the run in {unfinished} is not finished: {missing}', [unfinished], [write('v', method='Vanilla')])


def test_a_run_without_its_reference_is_refused(write):
    references = [write(f'v{seed}', method='Vanilla', seed=seed) for seed in (0, 1)]
    had = write('h', seed=2)
    refused(f'{had} is a run without its reference: it has seed 2, but the reference Vanilla only 0, 1', [had],
            references)
    refused(f'{references[1]} is a run without its reference', [references[1]], references[:1])
    refused('but the separate models only 0', [write('g', seed=1)], references, [write('s', method='SingleTask')])


def test_two_runs_of_one_method_and_seed_are_refused_with_both_names(write):
    vanilla, runs = write('v', method='Vanilla'), [write('a'), write('b')]
    refused(f'{runs[0]} and {runs[1]} are both HAD with seed 0', runs, [vanilla])
    assert list(by_name(compare_runs(runs, [vanilla], names={runs[1]: 'again'}))) == ['Vanilla', 'HAD', 'again']
    refused('is given a name, but is not among the runs', runs[:1], [vanilla], names={runs[1]: 'again'})


def test_references_of_two_methods_are_refused(write):
    references = [write('v', method='Vanilla'), write('j', method='Joint')]
    refused(f'the references {references[0]} (Vanilla) and {references[1]} (Joint) are two methods', [write('h')],
            references)


def test_different_streams_are_refused_with_both_orders(write):
    vanilla, other = write('v', method='Vanilla'), write('h', stream=STREAM[::-1])
    refused(f'{other} learned depth, segmentation but {vanilla} learned segmentation, depth', [other], [vanilla])
    alone = write('j', stream=['depth'], directions={'depth': {'AbsErr': False}}, phases=0)
    refused('is not finished', [alone], [vanilla])


def test_different_metrics_are_refused(write):
    vanilla = write('v', method='Vanilla')
    more = write('m', directions={**DIRECTIONS, 'depth': {'AbsErr': False, 'RelErr': False}})
    refused(f'{more} and {vanilla} have different metrics: depth/RelErr ↓ in one of them only', [more], [vanilla])
    turned = write('t', directions={**DIRECTIONS, 'depth': {'AbsErr': True}})
    refused('different metrics: depth/AbsErr ↑; depth/AbsErr ↓', [turned], [vanilla])


def test_different_units_are_refused_but_unknown_ones_are_not(write):
    vanilla, other = write('v', method='Vanilla'), write('h', units={**UNITS, 'depth': {}})
    refused(f'{other} has depth/AbsErr in no unit but {vanilla} in m', [other], [vanilla])
    unknown = write('unknown', units={})
    refused(f'{other} has depth/AbsErr in no unit but {vanilla} in m', [unknown, vanilla, other], [unknown])
    for runs, units in [([vanilla, unknown], UNITS), ([unknown, vanilla], UNITS),
                        ([unknown], {'segmentation': {}, 'depth': {}})]:
        assert compare_runs(runs, runs[:1]).units == units


def test_a_task_that_was_not_scored_at_the_end_is_refused(write):
    vanilla, had = write('v', method='Vanilla'), write('h')
    results = Results.load(had)
    del results.phases[1].metrics['segmentation']
    results.save(had)
    refused(f'{had} was not scored by segmentation/mIoU after its last phase', [had], [vanilla])


def test_different_data_are_refused_where_the_config_tells(write):
    def run(name, data_root, **options):
        return write(name, dumped=CONFIG.format(data_root=data_root, alpha=1), **options)
    vanilla = run('v', 'data/nyuv2', method='Vanilla')
    other = run('other', 'data/synth_rooms')
    refused(f'{other} was scored on synth_rooms (NYUv2, val) for segmentation, but {vanilla} on nyuv2 (NYUv2, val)',
            [other], [vanilla])
    unknown = write('no_config', method='Vanilla', seed=1)  # which says nothing about the others
    refused(f'{other} was scored on synth_rooms', [vanilla, other], [unknown])
    assert compare_runs([run('elsewhere', '/elsewhere/nyuv2/')], [vanilla])
    assert compare_runs([write('unknown')], [vanilla])


def test_each_task_is_compared_by_the_data_of_its_own_phase(write):
    """The config of an extension has the data of its new tasks in val_dataloader, and that of the old in the phases."""
    def run(name, data_root, of_segmentation, **options):
        own = f"phases[0]['val_dataloader'] = dict(dataset=dict(data_root={of_segmentation!r}))\n"
        return write(name, dumped=CONFIG.format(data_root=data_root, alpha=1) + own, **options)
    vanilla = write('v', dumped=CONFIG.format(data_root='a', alpha=1), method='Vanilla')
    refused('was scored on b (NYUv2, val) for segmentation, but', [run('h', 'a', 'b')], [vanilla])
    refused('was scored on b (NYUv2, val) for depth, but', [run('g', 'b', 'a')], [vanilla])
    assert compare_runs([run('f', 'a', 'a')], [vanilla])


def test_runs_with_different_networks_are_not_averaged(write):
    def run(seed, depth):
        model = f"model = dict(backbone=dict(type='ResNet', depth={depth}))\n"
        return write(f'{seed}_{depth}', seed=seed, dumped=CONFIG.format(data_root='d', alpha=1) + model)
    runs = [run(0, 18), run(1, 18)]
    assert compare_runs(runs, runs).methods[0].seeds == [0, 1]
    refused("differ in 'model.backbone.depth'", [runs[0], run(1, 50)], runs[:1])


def test_seeds_that_were_trained_with_different_options_are_not_averaged(write):
    references = [write(f'v{seed}', method='Vanilla', seed=seed) for seed in (0, 1)]
    runs = [write(f'h{seed}', seed=seed, dumped=CONFIG.format(data_root='d', alpha=seed)) for seed in (0, 1)]
    refused(f"{runs[0]} and {runs[1]} are both HAD, but differ in 'method.alpha' of their configs", runs, references)
    assert [row.seeds for row in compare_runs(runs, references, names={runs[1]: 'more'}).methods] == [[0, 1], [0], [1]]


def test_the_phase_and_the_option_that_differ_are_named(write):
    def run(seed, *changes):
        dumped = CONFIG.format(data_root='d', alpha=1)
        for old, new in changes:
            dumped = dumped.replace(old, new)
        return write(f'r{seed}_{len(changes)}', seed=seed, dumped=dumped)
    first, depth = run(0), "dict(task='depth')"
    refused("differ in 'phases[1].method.alpha'", [
        first, run(1, (depth, "dict(task='depth', method=dict(alpha=2))"))], [first])
    refused("differ in 'phases[1].train_cfg.max_epochs'", [
        first, run(2, (depth, "dict(task='depth', train_cfg=dict(max_epochs=2))"), ('', ''))], [first])


def test_seeds_that_were_trained_on_different_data_are_not_averaged(write):
    def run(seed, data_root='/here/nyuv2', **loader):
        dumped = CONFIG.format(data_root='d', alpha=1) + f"train_dataloader = {loader!r}\n"
        dumped += f"train_dataloader['dataset'] = dict(type='NYUv2', data_root={data_root!r}, split='train')\n"
        return write(f'r{next(numbers)}', seed=seed, dumped=dumped)
    numbers = itertools.count()
    first = run(0, batch_size=8, num_workers=4)
    assert compare_runs([first, run(1, '/elsewhere/nyuv2/', batch_size=8, num_workers=0)]).methods[0].seeds == [0, 1]
    refused("differ in 'train_dataloader.batch_size'", [first, run(1, batch_size=64)])
    refused("differ in 'train_dataloader.dataset.data_root'", [first, run(1, '/here/other', batch_size=8)])


def test_each_seed_may_have_a_teacher_of_its_own(write):
    def run(name, seed, teacher, weight=1):
        return write(name, method='KDAM', seed=seed, dumped=CONFIG.format(data_root='d', alpha=1).replace(
            'alpha=', f'teacher={teacher!r}, weight={weight}, alpha='))
    references = [write(f'v{seed}', method='Vanilla', seed=seed) for seed in (0, 1)]
    runs = [run(f'k{seed}', seed, f'work_dirs/teacher{seed}') for seed in (0, 1)]
    assert compare_runs(runs, references).methods[-1].seeds == [0, 1]
    refused("differ in 'method.weight'", [runs[0], run('heavier', 1, 'work_dirs/teacher1', weight=2)], references)


def test_an_impossible_compatibility_is_refused(write):
    runs = [write('h')], [write('v', method='Vanilla')]
    refused("found compatibility='had'", *runs, compatibility='had')
    refused('turns the sign of task', *runs, compatibility='had_nyuv2_printed')


# ---- files and the command line -------------------------------------------------------------------------------------

def test_a_table_is_written_over_nothing(write, tmp_path):
    comparison = compare_runs([write('h')], [write('v', method='Vanilla')])
    path = tmp_path / 'new' / 'table.csv'
    write_comparison(comparison, path, 'csv')
    assert path.read_text() == comparison_table(comparison, 'csv') + '\n'
    with pytest.raises(RunError, match='table.csv already exists and is not overwritten'):
        write_comparison(comparison, path, 'markdown')
    assert path.read_text() == comparison_table(comparison, 'csv') + '\n'
    assert [child.name for child in path.parent.iterdir()] == ['table.csv']


def test_the_command_prints_and_writes_every_format(write, tmp_path, tool):
    references = [write(f'v{seed}', 10. + seed, 1., 'Vanilla', seed) for seed in (0, 1)]
    runs = [write(f'h{seed}', 20. + 3 * seed, 1 / 3, seed=seed) for seed in (0, 1)]
    single = [write(f's{seed}', 50., 0.5, 'SingleTask', seed) for seed in (0, 1)]
    arguments = [*runs, '--reference', *references, '--single-task', *single]
    found = run_tool(TOOL, *arguments)
    assert found.returncode == 0 and found.stdout == comparison_table(compare_runs(runs, references, single)) + '\n'
    for format in ('markdown', 'latex', 'csv'):
        out = tmp_path / f'table.{format}'
        named = [argument for run in runs for argument in ('--name', f'mine={run}')]
        code, stdout, _ = tool(TOOL, *arguments, '--format', format, '--out', out, *named)
        assert (code, stdout) == (0, f'table: {out}\n')
        assert 'mine' in out.read_text()
    row = list(csv.DictReader((tmp_path / 'table.csv').read_text().splitlines()))[1]
    assert float(row['segmentation/mIoU (%) std']) == Spread.of([20., 23.]).std == statistics.stdev([20., 23.])
    assert float(row['depth/AbsErr (m) mean']) == 1 / 3


def test_the_command_writes_the_table_and_a_page_to_a_folder(write, tmp_path, tool, monkeypatch):
    had, vanilla, out, pages = write('h'), write('v', method='Vanilla'), tmp_path / 'page', []
    monkeypatch.setattr('lhl.apis.write_report', lambda runs, out, **options: pages.append((runs, out)))
    code, stdout, _ = tool(TOOL, had, '--reference', vanilla, '--out', out)
    assert (code, stdout.splitlines()) == (0, [f'table: {out}/comparison.md', f'page: {out}/index.html'])
    assert (out / 'comparison.md').read_text() == comparison_table(compare_runs([had], [vanilla])) + '\n'
    assert pages == [([str(vanilla), str(had)], str(out))]


def test_a_page_that_is_refused_leaves_no_table_and_a_run_is_on_it_once(write, tmp_path, tool, monkeypatch):
    had, vanilla, out, pages = write('my run'), write('v', method='Vanilla'), tmp_path / 'page', []

    def refuse(runs, out, **options):
        pages.append(runs)
        raise RunError('no page')
    monkeypatch.setattr('lhl.apis.write_report', refuse)
    code, stdout, stderr = tool(TOOL, had, vanilla / 'results.json', '--reference', vanilla, '--out', out)
    assert 'no page' in the_error(code, stderr) and stdout == '' and not out.exists()
    assert list(map(result_file, pages[0])) == [result_file(vanilla), result_file(had)]
    assert f"next: lhl report '{had}' shows" in tool(TOOL, had)[2]


def test_the_command_says_in_one_sentence_what_it_refuses(write, tmp_path, tool):
    had, vanilla, out = write('h'), write('v', method='Vanilla'), tmp_path / 'table.md'
    out.write_text('precious')
    found = run_tool(TOOL, had, '--reference', vanilla, '--out', out)
    assert f'{out} already exists and is not overwritten' in the_error(found.returncode, found.stderr)
    assert found.stdout == '' and out.read_text() == 'precious'
    for arguments, message in [
            ([had, '--reference', tmp_path / 'nowhere'], 'nowhere does not exist'),
            ([had, '--reference', vanilla, '--compatibility', 'x'], "found compatibility='x'")]:
        code, stdout, stderr = tool(TOOL, *arguments)
        assert message in the_error(code, stderr) and stdout == ''
    code, _, stderr = tool(TOOL, had, '--reference', vanilla, '--name', 'HAD')
    assert code == 2 and "found 'HAD', expected LABEL=RUN" in stderr


def test_what_a_seed_does_not_have_is_not_averaged_over_the_others(write):
    """One seed learned all tasks at once and could forget nothing."""
    vanilla = [write(f'v{seed}', method='Vanilla', seed=seed) for seed in (0, 1)]
    both = [write('at_once', at_once=True, method='Mine'), write('in_turn', seed=1, method='Mine')]
    row = by_name(compare_runs(both, vanilla))['Mine']
    assert row.seeds == [0, 1] and row.forgetting is None


def test_a_trained_run_compares_with_itself(finished, tmp_path):
    run = shutil.copytree(finished('Vanilla')[1], tmp_path / 'run')
    row, = compare_runs([run], [run]).methods
    assert row.name == 'Vanilla' and row.improvement.mean == 0 and row.mean_rank.mean == 1


# ---- averages of accuracies ----------------------------------------------------------------------------------------

ACCURACY = {'class_il': True, 'task_il': True}


@pytest.fixture
def classified(tmp_path):
    """Write a run of tasks 1, 2, ... with so much ``class_il`` of each after each phase; ``task_il`` is 100."""
    def write_run(folder, method, *after_each_phase, seed=0):
        names = [str(number) for number in range(1, len(after_each_phase[-1]) + 1)]
        results = Results(method, seed, names, f'configs/{method}.py', 'hash', {}, dict.fromkeys(names, ACCURACY),
                          {name: dict.fromkeys(ACCURACY, '%') for name in names})
        for number, values in enumerate(after_each_phase, start=1):
            metrics = {name: {'class_il': value, 'task_il': 100.} for name, value in zip(names, values, strict=False)}
            results.add_phase(PhaseResults(number, names if len(after_each_phase) == 1 else [names[number - 1]],
                                           metrics, 1, 1, 1, 1, 0, 0, 'hash', 'phase.pth'))
        (tmp_path / folder).mkdir()
        results.save(tmp_path / folder)
        return tmp_path / folder
    return write_run


def test_accuracies_that_tasks_have_in_common_are_averaged(classified):
    # A: (70 + 20 + 90) / 3; F: ((90 - 70) + (80 - 20)) / 2
    hcl = classified('h', 'HCL', [90.], [60., 80.], [70., 20., 90.])
    vanilla = classified('v', 'Vanilla', [90.], [10., 90.], [10., 20., 90.])
    joint = classified('j', 'Joint', [80., 80., 80.])
    rows = by_name(compare_runs([hcl, joint], [vanilla]))
    assert rows['HCL'].accuracy == {'class_il': (60., None, 1), 'task_il': (100., None, 1)}
    assert rows['HCL'].fall == {'class_il': (40., None, 1), 'task_il': (0., None, 1)}
    assert rows['Vanilla'].fall['class_il'].mean == (80 + 70) / 2
    assert rows['Joint'].accuracy['class_il'].mean == 80 and rows['Joint'].fall == {}


def test_a_and_f_are_averaged_over_seeds(classified):
    runs = [classified(f'h{seed}', 'HCL', [90.], [last, 80.], seed=seed) for seed, last in enumerate((60., 80.))]
    row, = compare_runs(runs, runs).methods
    assert row.accuracy['class_il'] == (75., pytest.approx(50**0.5), 2)  # of 70 and 80
    assert row.fall['class_il'] == (20., pytest.approx(200**0.5), 2)  # of 30 and 10


def test_the_accuracies_of_single_tasks_are_printed_where_they_are_asked_for(classified):
    runs = [classified('h', 'HCL', [90.], [60., 80.]), classified('v', 'Vanilla', [90.], [0., 80.])]
    short, long = (comparison_table(compare_runs(runs[:1], runs[1:], every_task=wish)) for wish in (False, True))
    assert short.splitlines()[0] == ('| method | A class_il ↑ (%) | F class_il ↓ (%) | A task_il ↑ (%) '
                                     '| F task_il ↓ (%) | MR ↓ |')
    assert '| HCL | **70.00** | **30.00** | **100.00** | **0.00** | **1.00** |' in short
    assert 'the accuracies of the 2 single tasks are left out; Δ does not exist: a metric of Vanilla is 0' in short
    assert '| 1: class_il ↑ (%) | 1: task_il ↑ (%) | 2: class_il ↑ (%) |' in long and 'left out' not in long
    assert '2/task_il (%) mean' in comparison_table(compare_runs(runs[:1], runs[1:]), 'csv').splitlines()[0]
    latex = comparison_table(compare_runs(runs[:1], runs[1:]), 'latex')
    assert 'multicolumn' not in latex and '\n\n' not in latex

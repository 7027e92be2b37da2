import pytest
from test_engine.tiny_stream import ROOT, run_tool

from lhl.apis.benchmark import describe_plan, describe_suites, run_benchmark
from lhl.apis.benchmark.suites import SUITES, Group, Member, Suite
from lhl.errors import ConfigError

from .conftest import Bench

# ---- what is trained, with which arguments -------------------------------------------------------------------------

def test_only_trains_the_chosen_members_and_their_reference(tmp_path, data_root):
    bench = Bench(tmp_path, data_root, groups=('x', 'y'))
    bench.run(only=['x/own'])
    assert [call['arguments'][2] for call in bench.calls] == [
        str(bench.work_dir / 'x/vanilla/seed0'), str(bench.work_dir / 'x/own/seed0')]
    bench.run(only=['slow'])
    assert len(bench.calls) == 2 + 3  # slow twice, and the reference of y


def test_options_reach_the_trainer_after_those_of_the_member(bench):
    group = bench.suite.groups[0]
    member = Member('slow', bench.had, ('method.alpha=2', ))
    bench.suite = Suite('mine', 'a test', (Group('', group.reference, (member, )), ))
    bench.run(options=['train_dataloader.num_workers=1', 'method.alpha=3'], only=['slow'])
    assert bench.arguments('slow/seed0')[-4:] == [
        '--cfg-options', 'method.alpha=2', 'train_dataloader.num_workers=1', 'method.alpha=3']


def test_the_first_phase_is_shared_only_where_it_is_the_same(bench):
    bench.run()
    reference = str(bench.work_dir / 'vanilla/seed0')
    slow, own = bench.arguments('slow/seed0'), bench.arguments('own/seed0')
    assert slow[slow.index('--take-over') + 1] == reference
    assert '--take-over' not in own and '--take-over' not in bench.arguments('vanilla/seed0')


def test_a_first_phase_that_the_reference_does_not_have_is_shared_too(bench):
    group = bench.suite.groups[0]
    members = tuple(Member(name, bench.longer, (f'method.alpha={alpha}', )) for alpha, name in enumerate('ab', start=1))
    bench.suite = Suite('mine', 'a test', (Group('', group.reference, members), ))
    bench.run((0, 1))
    assert '--take-over' not in bench.arguments('a/seed1')
    assert bench.arguments('b/seed1')[5:7] == ['--take-over', str(bench.work_dir / 'a/seed1')]


def test_without_a_first_phase_of_the_reference_members_train_their_own(bench):
    bench.order(vanilla0=dict(phases=0, code=1))
    runs = bench.run()
    assert '--take-over' not in bench.arguments('slow/seed0')
    assert [bool(run.error) for run in runs] == [True, False, False]


# ---- bad input -----------------------------------------------------------------------------------------------------

def test_an_option_that_does_not_exist_fails_every_run_in_a_sentence(bench):
    assert all("did you mean 'max_epochs'" in run.error for run in bench.plan(options=['train_cfg.max_epoch=1']))


@pytest.mark.parametrize('arguments, message', [
    (dict(suite='synthroom3'), "there is no suite 'synthroom3'; did you mean 'synthrooms3'?"),
    (dict(only=['hda']), "the suite tiny_synthrooms has no member 'hda'; did you mean 'had'"),
    (dict(seeds=[0, 1, 0]), 'the seed 0 is given more than once'), (dict(seeds=[-1]), 'found the seed -1'),
    (dict(seeds=[]), 'found no `seeds`'), (dict(options=['alpha']), "`options` has 'alpha', expected KEY=VALUE"),
    (dict(options=['=1']), "`options` has '=1', expected KEY=VALUE"), (dict(jobs=0), 'found 0 jobs')])
def test_impossible_requests_are_one_sentence_and_write_nothing(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message):
        run_benchmark(**{'suite': 'tiny_synthrooms', 'seeds': [0], 'work_dir': tmp_path / 'bench', **arguments})
    assert not (tmp_path / 'bench').exists()


# ---- the command line ----------------------------------------------------------------------------------------------

def test_the_suites_are_listed():
    text = describe_suites()
    assert all(suite.name in text and suite.description in text for suite in SUITES.values())
    assert all(member.name in text for suite in SUITES.values() for group in suite.groups
               for member in group.all_members)


def test_a_dry_run_says_what_would_be_done(bench):
    bench.order(slow0=dict(phases=1, code=1))
    bench.run(only=['slow'])
    folder = bench.work_dir
    assert describe_plan(bench.plan((0, 1))).splitlines() == [
        'skip    vanilla seed 0',
        f'resume  slow seed 0: {bench.had} --work-dir {folder}/slow/seed0 --seed 0 --resume',
        f'start   own seed 0: {bench.longer} --work-dir {folder}/own/seed0 --seed 0',
        f'start   vanilla seed 1: {bench.vanilla} --work-dir {folder}/vanilla/seed1 --seed 1',
        f'start   slow seed 1: {bench.had} --work-dir {folder}/slow/seed1 --seed 1 --take-over '
        f'{folder}/vanilla/seed1',
        f'start   own seed 1: {bench.longer} --work-dir {folder}/own/seed1 --seed 1']


def test_the_tool_says_what_is_wrong_in_one_line(tmp_path):
    found = run_tool(ROOT / 'tools/benchmark.py', 'synthroms', '--work-dir', tmp_path)
    assert found.returncode == 1 and found.stdout == ''
    assert found.stderr.splitlines()[-1].startswith("error: there is no suite 'synthroms'; did you mean 'synthrooms3'")

import argparse
from unittest.mock import Mock

import pytest
from test_engine.tiny_stream import write_config

from lhl.commands.options import (
    Parser,
    add_config_options,
    add_launcher,
    add_names,
    config_of_run,
    finish_training,
    with_flags,
)
from lhl.engine.runtime.process_group import LAUNCHERS
from lhl.errors import WriteError
from lhl.evaluation import Results
from lhl.evaluation.results import FILE_NAME


def test_the_parser_remembers_what_each_argument_is_called():
    parser = Parser(prog='x')
    parser.add_argument('run', metavar='RUN_OR_CHECKPOINT')
    parser.add_argument('--work-dir')
    add_config_options(parser, 'a=1')
    assert parser.flags == {'run': 'RUN_OR_CHECKPOINT', 'work_dir': '--work-dir', 'cfg_options': '--cfg-options',
                            'options': '--cfg-options'}


def test_repeated_options_add_up_and_stay_text():
    parser = Parser(prog='x')
    add_config_options(parser, 'a=1')
    assert parser.parse_args([]).cfg_options == []
    options = parser.parse_args(['--cfg-options', 'a=1', 'b=[x]', '--cfg-options', 'a=2']).cfg_options
    assert options == ['a=1', 'b=[x]', 'a=2']
    assert parser.parse_args([]).cfg_options == []


def test_a_run_ends_with_its_table_and_page_and_a_page_that_fails_with_a_warning(finished, capsys, monkeypatch):
    pages = []
    monkeypatch.setattr('lhl.apis.write_report', lambda runs, out, trust_config: pages.append((runs, out)))
    cfg, run = finished('Vanilla')
    results, args = Results.load(run), argparse.Namespace(no_page=False, trust_config=False)
    finish_training(args, results, cfg)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:-1] == [f'results: {run}/results.json', f'page: {run}/report/index.html']
    assert pages == [([str(run)], run / 'report')]

    for error, reason in ((ValueError('no figure of that size'), 'ValueError: no figure of that size'),
                          (WriteError('a.md cannot be written'), 'a.md cannot be written')):
        monkeypatch.setattr('lhl.apis.write_report', Mock(side_effect=error))
        finish_training(args, results, cfg)
        assert capsys.readouterr().err == (
            f'warning: the page of the run could not be written: {reason}; `lhl report {run}` tries again\n')
    results.phases.clear()
    for nothing, found in ((argparse.Namespace(no_page=True), Results.load(run)), (args, results)):
        finish_training(nothing, found, cfg)
        assert capsys.readouterr().out.splitlines()[-2] == f'results: {run}/results.json'


def test_every_launcher_is_offered():
    parser = Parser(prog='x')
    add_launcher(parser)
    assert [parser.parse_args(['--launcher', name]).launcher for name in LAUNCHERS] == list(LAUNCHERS)
    assert parser.parse_args(['--local-rank', '3']).local_rank == 3


@pytest.mark.parametrize('given, in_config, expected', [
    ('mine', 'theirs', 'mine'), (None, 'theirs', 'theirs'), (None, None, 'work_dirs/c')])
def test_the_work_dir_is_the_given_one_the_config_s_or_named_after_it(tmp_path, data_root, given, in_config, expected):
    extra = f'work_dir = {in_config!r}\n' if in_config else ''
    path = str(write_config(tmp_path / 'c.py', data_root, extra=extra))
    args = argparse.Namespace(cfg_options=['train_cfg.max_epochs=9'], launcher='pytorch', work_dir=given)
    cfg = config_of_run(args, path)
    assert cfg.work_dir == expected and cfg.launcher == 'pytorch' and cfg.train_cfg.max_epochs == 9


@pytest.mark.parametrize('seed, runs, resume, expected', [
    (3, {}, False, 'work_dirs/c_seed3'),
    (0, {}, False, 'work_dirs/c'),  # the config's
    (None, {}, False, 'work_dirs/c'),
    (3, {'c': 3}, False, 'work_dirs/c_seed3'),
    (3, {'c': 3}, True, 'work_dirs/c'),  # begun before seeds had folders of their own
    (3, {'c': 0}, True, 'work_dirs/c_seed3'),
    (3, {'c': 3, 'c_seed3': 3}, True, 'work_dirs/c_seed3'),
    (3, {}, True, 'work_dirs/c_seed3')])
def test_another_seed_has_a_folder_of_its_own(tmp_path, data_root, monkeypatch, seed, runs, resume, expected):
    monkeypatch.chdir(tmp_path)
    path = str(write_config(tmp_path / 'c.py', data_root))
    for name, of_run in runs.items():
        Results(method='HAD', seed=of_run, stream=['depth'], config='', config_hash='', versions={},
                higher_is_better={}, units={}).save(tmp_path / 'work_dirs' / name / FILE_NAME)
    given = argparse.Namespace(cfg_options=[], launcher='none', work_dir=None, seed=seed, resume=resume)
    assert config_of_run(given, path).work_dir == expected
    given.work_dir = 'mine'
    assert config_of_run(given, path).work_dir == 'mine'


def test_a_mentioned_option_of_the_config_becomes_a_value_of_cfg_options():
    text = 'give `model.backbone.init_cfg=None`, or see `lhl.datasets`'
    assert with_flags(text, {'cfg_options': '--cfg-options'}) == (
        'give --cfg-options model.backbone.init_cfg=None, or see `lhl.datasets`')
    assert with_flags(text, {}) == text


@pytest.mark.parametrize(('text', 'label', 'run'), [
    ('mine=runs/a', 'mine', 'runs/a'), ('alpha=2=runs/a', 'alpha=2', 'runs/a'),
    ('mine=runs/lr=0.1', 'mine', 'runs/lr=0.1'), ('lr=0.1=runs/lr=0.1', 'lr=0.1', 'runs/lr=0.1'),
    ('lr=0.1=runs/missing', 'lr=0.1', 'runs/missing')])
def test_a_name_and_its_run_may_have_an_equals_sign(text, label, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ('runs/a', 'runs/lr=0.1'):
        (tmp_path / folder).mkdir(parents=True)
    parser = Parser()
    add_names(parser)
    assert parser.parse_args(['--name', text]).name == [(run, label)]
    for wrong in ('runs/a', '=runs/a', 'mine='):
        with pytest.raises(SystemExit):
            parser.parse_args(['--name', wrong])

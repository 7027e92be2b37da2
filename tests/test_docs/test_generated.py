"""Pages that are made from the code have all of it: components with their options, keys, commands, public names."""
import importlib
import inspect
import pkgutil
import re

import pytest
from generated import with_generated
from reference_api import look_up, markdown, modules, public
from reference_commands import arguments, subcommands
from reference_options import GROUPS, components, keys, meanings, options
from test_engine.tiny_stream import ROOT

from lhl import registry
from lhl.cli import COMMANDS, make_parser

ROOMS = sorted(path.stem for path in (ROOT / 'docs/reference/api').glob('*.md') if path.stem != 'others')


@pytest.fixture(scope='module')
def page():
    """The text of a page of the reference, as Sphinx reads it."""
    return {name: with_generated((ROOT / f'docs/reference/{name}.md').read_text())
            for name in ('options', 'keys', 'commands')}


def own_registries():
    found = {name: thing for name, thing in vars(registry).items() if isinstance(thing, registry.Registry)}
    for thing in found.values():
        thing.import_from_location()
    return {name: {key for key, component in thing.module_dict.items() if component.__module__.startswith('lhl.')}
            for name, thing in found.items()}


def test_every_registered_component_has_a_section(page):
    titles = set(re.findall(r'^### `(\w+)`', page['options'], re.M))
    runs_by_itself = {'PhaseRunner', 'LearnerRunner', 'PhaseOptimWrapperConstructor', 'MultiDatasetValLoop',
                      'collate_samples',  # the engine names them, not a config
                      'TrialHook', 'StepTimer'}  # which estimates and measurements add, where they were imported
    assert set().union(*own_registries().values()) - titles <= runs_by_itself
    assert len(titles) > 70 and {'HAD', 'DepthEstimation', 'NYUv2', 'RandomScaleCrop', 'ASPPHead'} <= titles


@pytest.mark.parametrize('group', GROUPS)
def test_every_option_has_a_row_with_its_type_and_its_meaning(page, group):
    for name, component in components(group).items():
        section = page['options'].partition(f'\n### `{name}`\n')[2].partition('\n### ')[0]
        rows = dict(re.findall(r'^\| `(\w+)` \| (.*) \|$', section, re.M))
        signature = inspect.signature(component).parameters.values()
        from lhl.component_check import GIVEN_BY_ENGINE
        given = {'init_cfg', *GIVEN_BY_ENGINE.get(GROUPS[group][1], ())}
        named = {p.name for p in signature if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)} - given
        assert named <= set(rows), name
        assert [option for option, row in rows.items() if row.endswith('|') or row.endswith('| ')] == [], name


def test_ranges_and_defaults_are_those_of_the_signature():
    found = {name: (kind, default) for name, kind, default, _ in options(registry.METHODS.get('HAD'), '')}
    assert found['alpha'] == ('a number of at least 0', 'required')
    assert found['group_threshold'] == ('a number from 0 to 1', 'required')
    assert found['edge_source'] == ("'loss' or 'prediction'", "`'loss'`")
    assert found['temperature'] == ('a number above 0 or None', '`None`')


@pytest.mark.parametrize('kind, heading', [('sections', '## Sections'), ('phases', '## Phases')])
def test_the_tables_of_configs_have_just_the_keys_that_are_checked(page, kind, heading):
    assert set(meanings(heading)) == set(keys()[kind]) and all(meanings(heading).values())
    assert all(f'| `{key}` | ' in page['keys'] for key in keys()[kind])


def test_every_command_is_there_with_every_option(page):
    assert [name for name, _ in subcommands(make_parser()[0])] == list(COMMANDS)
    for _, parser in subcommands(make_parser()[0]):
        for command in [parser, *(below for _, below in subcommands(parser))]:
            section = page['commands'].partition(f' `{command.prog}`\n')[2].partition('\n##')[0]
            for action in arguments(command):
                assert all(f'`{flag}' in section or f', {flag}' in section for flag in action.option_strings[:1])
                assert action.option_strings or str(action.metavar or action.dest.upper()) in section
    assert '--resume' in page['commands'] and 'local_rank' not in page['commands']


@pytest.mark.parametrize('room', ROOMS)
def test_every_public_name_of_a_room_is_documented_once(room):
    text = markdown(f'lhl.{room}')
    documented = re.findall(r'^\.\. auto(?:class|function):: ([\w.]+)', text, re.M)
    assert len(documented) == len(set(documented)) > 3
    exported = getattr(importlib.import_module(f'lhl.{room}'), '__all__', [])
    things = {f'lhl.{room}.{name}': look_up(f'lhl.{room}.{name}') for name in exported}
    assert {path for path, thing in things.items() if (inspect.isroutine(thing) or inspect.isclass(thing))
            and thing.__module__.startswith(f'lhl.{room}')} <= set(documented)


def test_every_package_and_module_of_lhl_is_on_a_page_that_the_navigation_has():
    pages = {f'reference/api/{path.stem}': path.read_text() for path in (ROOT / 'docs/reference/api').glob('*.md')}
    documented = set(re.findall('<!-- generated: api lhl[.]([a-z_]+) -->', '\n'.join(pages.values())))
    there = {module.name for module in pkgutil.iter_modules([str(ROOT / 'lhl')]) if not module.name.startswith('_')}
    assert there - documented == {'cli', 'commands'}  # which reference/commands.md describes
    assert set(re.findall(r'^reference/api/\w+$', (ROOT / 'docs/index.md').read_text(), re.M)) == set(pages)


def test_a_name_is_documented_under_its_shortest_path():
    assert set(public('lhl.methods.had')) == {'lhl.methods.HAD'} and 'lhl.methods.had' in modules('lhl.methods')


@pytest.mark.parametrize('name', ['lhl.methods.Nothing', 'lhl.methods.HAD.nothing', 'lhl.nothing', 'lhl.tasks.base.No'])
def test_a_name_that_does_not_exist_is_refused(name):
    with pytest.raises(AttributeError):
        look_up(name)

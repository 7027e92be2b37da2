"""What docs/troubleshooting.md quotes is what lhl says, and what docs/faq.md names exists."""
import argparse
import ast
import importlib
import re
from functools import cache

import pytest
from test_docs import resolve
from test_engine.tiny_stream import ROOT

from lhl.cli import COMMANDS
from lhl.commands.options import Parser

TROUBLE = (ROOT / 'docs/troubleshooting.md').read_text()
QUOTED = re.findall(r'^### `(.*)`$', TROUBLE, re.M)


@cache
def messages():
    """All texts of lhl's source, with an ellipsis for each value that is filled in."""
    found = set()
    for path in (ROOT / 'lhl').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                found.add(''.join(part.value if isinstance(part, ast.Constant) else '…' for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def is_said(quoted):
    return any(quoted in message for message in messages())


@pytest.mark.parametrize('quoted', QUOTED)
def test_a_quoted_message_is_in_the_source(quoted):
    assert is_said(quoted)


@pytest.mark.parametrize('quoted', ['data_root … is no folder', 'checkpoint is damaged', '… cannot be eaten (…)'])
def test_a_message_that_lhl_does_not_have_is_noticed(quoted):
    assert not is_said(quoted)


def test_there_are_enough_messages_each_once_and_each_with_a_cure():
    assert 25 <= len(QUOTED) == len(set(QUOTED))
    assert all(len(re.sub('…|[^a-z]', '', quoted)) >= 10 for quoted in QUOTED)
    sections = re.split(r'^##+ ', TROUBLE, flags=re.M)
    assert all(len(section.split('\n', 1)[1].split()) > 8 for section in sections if section.startswith('`'))


@cache
def flags():
    """The options of each command."""
    known = {}
    for name in COMMANDS:
        parser = Parser(prog=name)
        importlib.import_module(f'lhl.commands.{name.replace("-", "_")}').add_arguments(parser)
        subparsers = [choice for action in parser._actions if isinstance(action, argparse._SubParsersAction)
                      for choice in action.choices.values()]
        known[name] = {option for each in [parser, *subparsers] for option in each._option_string_actions}
    return known


PAGES = ['faq.md', 'troubleshooting.md', 'checking.md', *(
    f'tutorials/{path.name}' for path in sorted((ROOT / 'docs/tutorials').glob('*.md')))]


def commands(page):
    """Each ``lhl COMMAND ...`` of a page, in lines of code and in blocks."""
    text = (ROOT / 'docs' / page).read_text()
    code = [line for block in re.findall(r'```.*?\n(.*?)```', text, re.S) for line in block.splitlines()]
    code += re.findall(r'`([^`\n]+)`', re.sub(r'```.*?```', '', text, flags=re.S))
    return [re.sub('#.*', '', found) for line in code for found in re.findall(r'\blhl ([a-z-]+(?: .*)?)', line)
            if not line.startswith(('from ', 'import '))]


@pytest.mark.parametrize('page', PAGES)
def test_each_command_and_each_of_its_options_exists(page):
    for command in commands(page):
        name = command.split()[0]
        assert name in COMMANDS, command
        assert set(re.findall(r'(?<![\w-])--[a-z-]+', command)) <= flags()[name], command


@pytest.mark.parametrize('page', PAGES)
def test_links_lead_somewhere(page):
    place = (ROOT / 'docs' / page).parent
    for target, anchor in re.findall(r'\]\(([^)#]*)#?([^)]*)\)', (ROOT / 'docs' / page).read_text()):
        if target.startswith('http'):
            continue
        path = place / target if target else ROOT / 'docs' / page
        assert path.exists(), target
        heads = {re.sub(r'[^\w -]', '', head.lower()).replace(' ', '-')
                 for head in re.findall(r'^#+ (.*)$', path.read_text(), re.M)} if anchor else set()
        assert not anchor or anchor in heads, f'{target}#{anchor}'


def test_the_answers_name_what_exists():
    text = (ROOT / 'docs/faq.md').read_text()
    names = set(re.findall(r'`(lhl(?:\.\w+)+)', text))
    assert len(names) >= 2
    for name in names:
        resolve(name)
    for path in re.findall(r'`((?:configs|tools|docs|lhl)/[\w/.]+)`', text):
        assert (ROOT / path).exists(), path

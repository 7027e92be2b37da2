"""The reference of the commands, from the parsers that read them."""
import argparse
import re
from collections.abc import Iterator

from lhl.cli import make_parser


def markdown(_: str | None = None) -> str:
    """Write a section for each command."""
    return '\n\n'.join(part for name, parser in subcommands(make_parser()[0]) for part in _section(name, parser, 2))


def subcommands(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    """List the commands below one, with their parsers."""
    return [item for action in parser._actions if isinstance(action, argparse._SubParsersAction)
            for item in action.choices.items()]


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """List what a command takes and shows in its help."""
    return [action for action in parser._actions if action.help is not argparse.SUPPRESS
            and not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)]


def _section(name: str, parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    below = subcommands(parser)
    yield f'{"#" * level} `{parser.prog}`'
    yield _prose(parser.description)
    yield f'```\n{_usage(parser)}\n```'
    rows = [f'| {_cell(" ".join(_names(action)))} | {_prose(_meaning(parser, action))} |'
            for action in arguments(parser)]
    if rows:
        yield '\n'.join(['| argument | meaning |', '|---|---|', *rows])
    if parser.epilog:
        yield _prose(re.sub(r'(?<=Example: )(.*)', r'``\1``', parser.epilog.strip()))
    for further, command in below:
        yield from _section(further, command, level + 1)


def _usage(parser: argparse.ArgumentParser) -> str:
    parts = [parser.prog]
    for action in arguments(parser):
        if not action.option_strings:
            parts += _names(action)
    optional = any(action.option_strings for action in arguments(parser))
    parts += ['[OPTIONS]'] * optional + ['...'] * bool(subcommands(parser))
    return ' '.join(parts)


def _names(action: argparse.Action) -> list[str]:
    shown = action.metavar or (action.dest.upper() if action.choices is None else
                               '{' + ','.join(map(str, action.choices)) + '}')
    value = [*map(str, shown)] if isinstance(shown, tuple) else [str(shown)]
    if action.nargs == 0:
        value = []
    elif isinstance(action.nargs, int) and not isinstance(shown, tuple):
        value *= action.nargs
    elif action.nargs in ('+', '*'):
        value.append('...')
    return [', '.join(action.option_strings), *value] if action.option_strings else value


def _meaning(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = parser._get_formatter()._expand_help(action) if action.help else ''
    if action.required and action.option_strings:
        text += ' (required)'
    elif action.default not in (None, False, argparse.SUPPRESS, [], ()) and 'default' not in text:
        default = ' '.join(map(str, action.default)) if isinstance(action.default, list | tuple) else action.default
        text += f' (default: {default})'
    return text


def _cell(text: str) -> str:
    return f'`{text}`'.replace('|', '\\|')


def _prose(text: str | None) -> str:
    """Write the plain text of a help for Markdown, where dollars and stars mean something."""
    parts = ' '.join((text or '').split()).split('``')
    return ''.join(re.sub(r'[$*<|]', r'\\\g<0>', part) if i % 2 == 0 else f'`{part}`' for i, part in enumerate(parts))

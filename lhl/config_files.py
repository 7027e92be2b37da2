"""Finds, reads and changes config files: one's own, or those that come with lhl."""
import argparse
import ast
import difflib
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.utils import import_modules_from_strings

from .errors import FOREIGN, ConfigError, reason_of
from .regular_files import check_regular_file, read_text_file
from .trust import trusts

#: How a config begins that lhl has written.
_DIGEST = b'# The SHA-256 of what follows: '
_NON_FINITE = float('nan'), float('inf'), float('-inf')


def config_folder() -> Path:
    """Give the folder of lhl's own configs: inside an installed package, beside the package in a checkout."""
    package = Path(str(files('lhl')))
    packaged = package / '.mim/configs'
    return packaged if packaged.is_dir() else package.parent / 'configs'


def find_config(path: str | Path) -> Path:
    """Find a config file by its path, or by its path in lhl's own ``configs/``, with or without that folder's name.

    Args:
        path: Such as ``mine.py``, ``configs/had/had_r50_nyuv2.py`` or ``had/had_r50_nyuv2.py``. A file that the path
            names from the current folder is preferred, then one in the current folder's ``configs/``.

    Raises:
        ConfigError: If there is no such file.
    """
    path = Path(path)
    inside = Path(*path.parts[1:]) if path.parts[:1] == ('configs', ) else path
    for candidate in (path, 'configs' / inside, config_folder() / inside):
        if candidate.is_file():
            return candidate
    if path.exists():
        check_regular_file(path, ConfigError)
    raise ConfigError(f'config {path} does not exist; {_suggest_config(inside)}')


def _suggest_config(path: Path) -> str:
    """Name the configs of lhl whose path, or else whose file name, is close; or the folder they are in."""
    folder = config_folder()
    known = {str(file.relative_to(folder)): file.name for file in sorted(folder.rglob('*.py'))}
    close = difflib.get_close_matches(str(path), known, n=3)
    if not close:
        names = difflib.get_close_matches(path.name, known.values(), n=3, cutoff=0.8)
        close = [file for file, name in known.items() if name in names][:3]
    if close:
        return 'did you mean ' + ' or '.join(repr(file) for file in close) + '?'
    return f'the configs of lhl are in {folder}'


def read_config(path: str | Path) -> Config:
    """Read a config file.

    Args:
        path: As for :func:`find_config`.

    Raises:
        ConfigError: If it does not exist or is no valid config.
    """
    path = find_config(path)
    try:
        return Config.fromfile(path)
    except (Exception, SystemExit) as error:  # it is code, and may raise what it likes
        raise ConfigError(f'config {path} cannot be read ({reason_of(error)}); correct it') from error


def parse_options(options: Sequence[str]) -> dict[str, Any]:
    """Read changes of a config as mmengine's DictAction does.

    Args:
        options: Each ``KEY=VALUE``, such as ``method.alpha=1`` or ``data_preprocessor.mean=[1,2]``.

    Raises:
        ConfigError: If one is not of that form.
    """
    for option in options:
        if '=' not in option or not all(option.partition('=')[0].split('.')):
            raise ConfigError(f'`options` has {option!r}, expected KEY=VALUE, such as method.alpha=1')
    namespace, action, parser = argparse.Namespace(options={}), DictAction([], 'options'), argparse.ArgumentParser()
    for option in options:
        try:
            action(parser, namespace, [option])
        except AssertionError as error:  # brackets that do not match
            raise ConfigError(f'`options` cannot be read ({error}); close every bracket') from error
        except RecursionError as error:  # as of dict(a=(1, 2))
            raise ConfigError(f'`options` has {option!r}, whose value cannot be read, expected a number, a word, or a '
                              f'list of them; give each part of a section a key of its own, such as method.alpha=1 '
                              f'method.type=DIS') from error
    return namespace.options


def merge_options(cfg: Config, options: dict[str, Any] | None) -> None:
    """Change values of a config.

    Args:
        cfg: The config.
        options: Keys with dots -> values, as :func:`parse_options` gives them.

    Raises:
        ConfigError: If an option goes through a value that has no parts.
    """
    try:
        merge(cfg, options or {})
    except FOREIGN as error:
        raise ConfigError(f'`options` does not fit the config ({reason_of(error)}); name existing keys') from error
    if any(key.partition('.')[0] == 'custom_imports' for key in options or {}):
        import_named_modules(cfg.to_dict()['custom_imports'])


def merge(cfg: Config, changes: Mapping[str, Any]) -> None:
    """Change values of a config as mmengine does; what is ``None`` may get parts, too, as in ``part.count=2``.

    Args:
        cfg: The config.
        changes: Keys, which may have dots in them -> values, which may be dictionaries.
    """
    nested: dict[str, Any] = {}
    for key, value in changes.items():
        *path, last = key.split('.')
        place = nested
        for name in path:
            place = place.setdefault(name, {})
        place[last] = value
    _remove_none(cfg, nested)
    cfg.merge_from_dict(changes)


def _remove_none(config: Any, changes: Mapping[str, Any]) -> None:
    """Remove each option that is None and gets parts."""
    parts = dict(zip(map(str, range(len(config))), config, strict=True)) if isinstance(config, list) else config
    for key, change in changes.items():
        if not isinstance(change, Mapping) or not isinstance(parts, Config | Mapping) or key not in parts:
            continue
        if parts[key] is None and not isinstance(config, list):
            config.pop(key)
        else:
            _remove_none(parts[key], change)


def import_named_modules(section: Any) -> None:
    """Import what a section ``custom_imports`` names; a config file's is imported when the file is read.

    Raises:
        ConfigError: If it is no such section, or a module cannot be imported.
    """
    names = section.get('imports') if isinstance(section, dict) else None
    if not isinstance(names, str) and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ConfigError(f'custom_imports is {section!r}, expected dict(imports=[MODULE, ...])')
    try:
        import_modules_from_strings(names, section.get('allow_failed_imports') is True)
    except ImportError as error:
        raise ConfigError(f'custom_imports names a module that cannot be imported ({error}); correct its name, or add '
                          f'its folder to PYTHONPATH') from error


def with_digest(code: str) -> bytes:
    """Put the digest of a config that lhl writes before it, in a comment."""
    return _DIGEST + hashlib.sha256(code.encode()).hexdigest().encode() + b'\n' + code.encode()


def read_written_config(run: str | Path) -> Config | None:
    """Read the ``config.py`` that lhl wrote into the folder of a run, without running it: literal values only.

    It is compared with its digest; that of an earlier lhl has none.

    Args:
        run: The folder of a run.

    Returns:
        The config; None where the file is missing.

    Raises:
        ConfigError: If it is no regular file, a link out of that folder, holds anything but ``NAME = VALUE`` with plain
            values, or was changed.
    """
    path = Path(run) / 'config.py'
    if not os.path.lexists(path):
        return None
    if not path.resolve().is_relative_to(Path(run).resolve()):
        raise ConfigError(f'{path} is a link out of the folder of the run, expected a file; put the file there')
    content = read_text_file(path, ConfigError)
    try:
        config = {}
        for statement in ast.parse(content).body:
            if not (isinstance(statement, ast.Assign) and len(statement.targets) == 1
                    and isinstance(statement.targets[0], ast.Name)):
                raise ValueError(f'line {statement.lineno} is no assignment')
            if statement.targets[0].id == '_base_':
                raise ValueError('it names bases')
            config[statement.targets[0].id] = ast.literal_eval(_NonFinite().visit(statement.value))
        digest, _, code = content.partition(b'\n')
        if digest.startswith(_DIGEST) and digest != _DIGEST + hashlib.sha256(code).hexdigest().encode():
            raise ValueError('it is not what was written')
        return Config(config)
    except (SyntaxError, TypeError, ValueError, KeyError, AttributeError, RecursionError, MemoryError) as error:
        raise ConfigError(f'{path} cannot be read ({type(error).__name__}: {error}), expected NAME = VALUE with plain '
                          f'values, as lhl writes it; it is not run, restore it') from error


class _NonFinite(ast.NodeTransformer):
    """Turn ``float('nan')`` and the like, for which Python has no literal, into the number."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        text = ast.unparse(node)
        return ast.Constant(float(text[7:-2])) if text in map(non_finite_code, _NON_FINITE) else node


def non_finite_code(number: float) -> str:
    """Write a number that is not finite as Python code."""
    return f"float('{number}')"


def trusted_imports(options: Any, source: str | Path) -> list[str]:
    """List the modules of the ``custom_imports`` of a config that came with a run or a checkpoint.

    Args:
        options: The section, not to be trusted.
        source: Where it comes from, for messages.

    Raises:
        ConfigError: If it is no such section, or a module is not imported yet and the user does not trust the source.
    """
    names = options.get('imports') if isinstance(options, dict) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f'custom_imports of {source} cannot be read (found {options!r}), expected a dictionary with '
                          f'a list of names, imports; restore the file')
    missing = [name for name in names if name not in sys.modules]
    if missing and not trusts():
        raise ConfigError(f'the config in {source} imports {", ".join(map(repr, missing))}, which would run the code '
                          f'of those modules; give `trust_config=True` if you trust them, or import them first')
    return list(names)


def import_custom_modules(run: str | Path) -> None:
    """Import what the config of a run imports, so that its own methods, kinds of tasks and data sets are known.

    The ``custom_imports`` of the ``config.py`` in its folder are read without running that file. Of a checkpoint alone
    nothing is imported.

    Args:
        run: The folder of a run; anything else has no custom modules.

    Raises:
        ConfigError: If a module is not imported yet and the run is not trusted, or Python does not find it.
    """
    written = read_written_config(run) if Path(run).is_dir() else None
    options = written.to_dict().get('custom_imports') if written is not None else None
    if options is None:
        return
    names = trusted_imports(options, run)
    try:
        import_modules_from_strings(names, options.get('allow_failed_imports') is True)
    except ImportError as error:
        raise ConfigError(f'the run in {run} uses modules of its own, and one of them cannot be imported ({error}); '
                          f'add its folder to PYTHONPATH') from error

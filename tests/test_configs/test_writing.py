"""How the shipped configs are written: as short as their bases allow."""
import ast
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import pytest
from mmengine.config import ConfigDict
from test_engine.tiny_stream import CONFIGS

from .shipped import EXTENSIONS, KDAM, LEAVES, read


def bases_of(path):
    """The files that a config inherits from, relative to the folder of the configs."""
    first, *_ = ast.parse(path.read_text()).body
    assert ast.unparse(first.targets[0]) == '_base_'
    return [(path.parent / base).resolve().relative_to(CONFIGS) for base in ast.literal_eval(first.value)]


@pytest.mark.parametrize('path', [*LEAVES, *EXTENSIONS], ids=lambda path: path.stem)
def test_a_config_is_a_stream_and_a_method_or_a_variant_of_another_config(path):
    bases = bases_of(path)
    if len(bases) == 1:
        assert bases[0].parts[0] != '_base_'
        return
    *network, stream, method = bases
    assert (stream.parent, method.parent) == (Path('_base_/streams'), Path('_base_/methods'))
    if path.parent == KDAM:  # which compares networks on one stream
        assert [model.parent for model in network] == [Path('_base_/models')]
    else:
        assert network == []
    assert path.stem.startswith(f'{method.stem}_') and path.stem.endswith(f'_{stream.stem}')


def copies(own, inherited, place):
    """The options that have the value that is inherited anyway."""
    if isinstance(own, Mapping) and isinstance(inherited, Mapping) and '_delete_' not in own:
        return [copy for key in own.keys() & inherited.keys()
                for copy in copies(own[key], inherited[key], f'{place}.{key}')]
    return [place] if own == inherited else []


@pytest.mark.parametrize('path', [*LEAVES, *EXTENSIONS], ids=lambda path: path.stem)
def test_a_config_names_no_option_that_it_inherits(path):
    inherited = {key: value for base in bases_of(path) for key, value in read(CONFIGS / base).to_dict().items()}
    scope = dict(_base_=ConfigDict(deepcopy(inherited)))
    for statement in ast.parse(path.read_text()).body[1:]:
        before = deepcopy(scope['_base_'].to_dict())
        exec(compile(ast.Module([statement], []), str(path), 'exec'), scope)
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            assert name not in inherited or copies(scope[name], inherited[name], name) == []
        else:
            assert scope['_base_'].to_dict() != before, ast.unparse(statement)

"""The shipped configs, each read once for all tests of a file."""
from functools import cache

from mmengine.config import Config
from test_engine.tiny_stream import CONFIGS

LEAVES = [path for path in sorted(CONFIGS.rglob('*.py'))
          if path.relative_to(CONFIGS).parts[0] not in ('_base_', 'extend')]
#: Configs of new tasks, which are no streams without the run that they extend.
EXTENSIONS = sorted((CONFIGS / 'extend').glob('*.py'))
TINY = 'tiny_synthrooms'
#: KDAM's folder: tasks learned at once with a teacher from another run, on the streams of its paper.
KDAM = CONFIGS / 'kdam'


@cache
def read(path):
    """A config, read once; the tests must not change it."""
    return Config.fromfile(path)


def config(method, stream):
    """The config of a method, ``'had/had'``, for a stream."""
    return read(CONFIGS / f'{method}_{stream}.py')

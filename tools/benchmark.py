"""``python tools/benchmark.py`` is ``lhl benchmark``."""
from lhl.cli import main

if __name__ == '__main__':
    main('benchmark')

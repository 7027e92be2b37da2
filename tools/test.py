"""``python tools/test.py`` is ``lhl test``."""
from lhl.cli import main

if __name__ == '__main__':
    main('test')

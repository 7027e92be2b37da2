"""``python tools/new.py`` is ``lhl new``."""
from lhl.cli import main

if __name__ == '__main__':
    main('new')

"""``python tools/search.py`` is ``lhl search``."""
from lhl.cli import main

if __name__ == '__main__':
    main('search')

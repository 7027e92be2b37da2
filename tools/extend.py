"""``python tools/extend.py`` is ``lhl extend``."""
from lhl.cli import main

if __name__ == '__main__':
    main('extend')

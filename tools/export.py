"""``python tools/export.py`` is ``lhl export``."""
from lhl.cli import main

if __name__ == '__main__':
    main('export')

"""``python tools/analysis_tools/compare.py`` is ``lhl compare``."""
from lhl.cli import main

if __name__ == '__main__':
    main('compare')

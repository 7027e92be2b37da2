"""``python tools/analysis_tools/gradients.py`` is ``lhl gradients``."""
from lhl.cli import main

if __name__ == '__main__':
    main('gradients')

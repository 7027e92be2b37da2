"""``python tools/analysis_tools/model_size.py`` is ``lhl model-size``."""
from lhl.cli import main

if __name__ == '__main__':
    main('model-size')

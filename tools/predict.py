"""``python tools/predict.py`` is ``lhl predict``."""
from lhl.cli import main

if __name__ == '__main__':
    main('predict')

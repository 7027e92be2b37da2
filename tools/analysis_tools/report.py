"""``python tools/analysis_tools/report.py`` is ``lhl report``."""
from lhl.cli import main

if __name__ == '__main__':
    main('report')

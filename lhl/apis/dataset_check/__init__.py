"""Checks the data of a config: every file once, all that is wrong in one list, statistics, and how it looks."""
from .check import check_dataset
from .report import Problem, Report, SplitReport

__all__ = ['Problem', 'Report', 'SplitReport', 'check_dataset']

"""Trains what a table of a paper compares, and sets the printed rows beside the results."""
from .paper_rows import TABLES, describe_tables
from .reproduction import Reproduction, plan_reproduction, reproduce

__all__ = ['TABLES', 'Reproduction', 'describe_tables', 'plan_reproduction', 'reproduce']

"""Trains what a table of a paper compares, and sets the printed rows beside what came out."""
from .reproduction import Reproduction, plan_reproduction, reproduce
from .tables import TABLES, describe_tables

__all__ = ['TABLES', 'Reproduction', 'describe_tables', 'plan_reproduction', 'reproduce']

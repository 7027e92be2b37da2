"""Turns runs into what a person looks at: a page, with its figures and their numbers beside it."""
from .writing import write_report

__all__ = ['write_report']

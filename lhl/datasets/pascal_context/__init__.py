"""PASCAL-Context."""
from .dataset import PASCALContext

__all__ = ['PASCALContext']

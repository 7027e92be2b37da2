"""Pictures and tables of what was learned."""
from .curves import draw_curves
from .table import results_table

__all__ = ['draw_curves', 'results_table']

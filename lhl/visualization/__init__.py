"""Pictures and tables of what was learned."""
from .curves import curves_figure, draw_curves
from .table import results_table

__all__ = ['curves_figure', 'draw_curves', 'results_table']

"""Pictures and tables of what was learned."""
from .curves import curves_figure, draw_curves
from .panel import View, draw_panel
from .table import metrics_table, results_table

__all__ = ['View', 'curves_figure', 'draw_curves', 'draw_panel', 'metrics_table', 'results_table']

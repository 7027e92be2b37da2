"""Pictures and tables of what was learned."""
from .comparison import ComparedMethod, Comparison, Spread, comparison_table
from .contact_sheet import draw_contact_sheet
from .curves import curves_figure, draw_curves
from .differences import differences_table
from .leaderboard import leaderboard_csv, leaderboard_table
from .leaderboard_chart import draw_leaderboard, leaderboard_figure
from .panel import draw_panel
from .ranking import Contestant, Cost
from .table import metrics_table, results_table
from .views import Frame, View

__all__ = ['ComparedMethod', 'Comparison', 'Contestant', 'Cost', 'Frame', 'Spread', 'View', 'comparison_table',
           'curves_figure', 'differences_table', 'draw_contact_sheet', 'draw_curves', 'draw_leaderboard', 'draw_panel',
           'leaderboard_csv', 'leaderboard_figure', 'leaderboard_table', 'metrics_table', 'results_table']

"""The page about runs: charts as inline SVG, predictions with a slider, and the files beside it."""
from .elements import Chart, Section
from .html_page import document, runs_section, strip_html
from .number_tables import csv_text
from .opening import MOST_NAMED, headline
from .render import render_chart
from .results_charts import cost_chart, curves_chart, forgetting_chart, improvement_chart, matrix_chart, separate_chart
from .slides import scores_table, slides_section
from .training_charts import (
    Distribution,
    Edges,
    PhaseLog,
    distribution_chart,
    edges_chart,
    learning_rate_chart,
    losses_chart,
)

__all__ = ['MOST_NAMED', 'Chart', 'Distribution', 'Edges', 'PhaseLog', 'Section', 'cost_chart', 'csv_text',
           'curves_chart', 'distribution_chart', 'document', 'edges_chart', 'forgetting_chart', 'headline',
           'improvement_chart', 'learning_rate_chart', 'losses_chart', 'matrix_chart', 'render_chart', 'runs_section',
           'scores_table', 'separate_chart', 'slides_section', 'strip_html']

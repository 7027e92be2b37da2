"""What people import to train, test and look at runs."""
from lhl.engine import train_stream

from .benchmark import plan_benchmark, run_benchmark
from .compare import compare_runs, write_comparison
from .dataset_check import check_dataset
from .export import export_model
from .extend import extend_run
from .gradients import gradient_table, measure_gradients
from .image_prediction import Inferencer
from .inference import load_learner, predict, test_learner
from .model_size import measure_model_size, model_size_table
from .own_data import new_config
from .report import write_report
from .strength_search import search_strengths

__all__ = ['Inferencer', 'check_dataset', 'compare_runs', 'export_model', 'extend_run', 'gradient_table',
           'load_learner', 'measure_gradients', 'measure_model_size', 'model_size_table', 'new_config',
           'plan_benchmark', 'predict', 'run_benchmark', 'search_strengths', 'test_learner', 'train_stream',
           'write_comparison', 'write_report']

"""What people import to train, test and look at runs."""
from lhl.engine import train_stream

from .inference import load_learner, predict, test_learner
from .report import write_report

__all__ = ['load_learner', 'predict', 'test_learner', 'train_stream', 'write_report']

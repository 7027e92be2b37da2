"""What people import to train, test and look at runs."""
from lhl.engine import train_stream

__all__ = ['train_stream']

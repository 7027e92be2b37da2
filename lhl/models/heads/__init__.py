"""Dense heads: backbone features to a task's raw output."""
from .aspp_head import ASPPHead

__all__ = ['ASPPHead']

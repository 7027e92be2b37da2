"""Dense heads: backbone features to a task's raw output."""
from .adapted_head import AdaptedHead
from .aspp_head import ASPPHead

__all__ = ['ASPPHead', 'AdaptedHead']

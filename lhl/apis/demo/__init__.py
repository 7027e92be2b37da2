"""A page on which people drop an image and see what one or two runs predict for it, after each phase."""
from .models import DemoModels, Panel
from .server import check_address, check_gradio

__all__ = ['DemoModels', 'Panel', 'check_address', 'check_gradio']

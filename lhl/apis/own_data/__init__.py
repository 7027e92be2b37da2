"""Writes the config of your own images: looks at the folders, and declares what they hold."""
from .new import NewConfig, new_config

__all__ = ['NewConfig', 'new_config']

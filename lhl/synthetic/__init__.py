"""Renderers: rooms, streets and drawn objects with exact ground truth. They know nothing of data sets or training."""

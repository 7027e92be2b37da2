# RCD with the distance to soft targets, LwF's.
_base_ = ['../rcd_tiny_synthtaskonomy.py']
method = dict(distance=dict(temperature=2.0))

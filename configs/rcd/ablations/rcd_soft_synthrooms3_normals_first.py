# RCD with the distance to soft targets, LwF's.
_base_ = ['../rcd_synthrooms3_normals_first.py']
method = dict(distance=dict(temperature=2.0))

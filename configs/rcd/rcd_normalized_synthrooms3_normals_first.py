_base_ = ['../_base_/streams/synthrooms3_normals_first.py', '../_base_/methods/rcd_normalized.py']

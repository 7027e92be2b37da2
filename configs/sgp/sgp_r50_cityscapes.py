_base_ = ['../_base_/streams/r50_cityscapes.py', '../_base_/methods/sgp.py']
method = dict(scale=1000.0)  # alpha of Table 6

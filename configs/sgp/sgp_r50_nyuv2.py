_base_ = ['../_base_/streams/r50_nyuv2.py', '../_base_/methods/sgp.py']
method = dict(scale=10.0)  # alpha of Table 6

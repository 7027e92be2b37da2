_base_ = ['../_base_/streams/r18_nyuv2.py', '../_base_/methods/sgp.py']
method = dict(scale=0.1)  # alpha of Table 6

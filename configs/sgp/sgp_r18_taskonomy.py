_base_ = ['../_base_/streams/r18_taskonomy.py', '../_base_/methods/sgp.py']
method = dict(scale=100.0)  # alpha of Table 6

_base_ = ['../_base_/streams/r50_cityscapes.py', '../_base_/methods/ewc.py']
method = dict(penalty=1e3)  # Table 6

_base_ = ['../_base_/streams/r18_cityscapes.py', '../_base_/methods/ewc.py']
method = dict(penalty=1e6)  # Table 6

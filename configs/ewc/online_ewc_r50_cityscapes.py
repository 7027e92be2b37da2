_base_ = ['../_base_/streams/r50_cityscapes.py', '../_base_/methods/online_ewc.py']
method = dict(penalty=1e3)  # EWC's of Table 6

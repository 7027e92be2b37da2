_base_ = ['../_base_/streams/r18_cityscapes.py', '../_base_/methods/online_ewc.py']
method = dict(penalty=1e6)  # EWC's of Table 6

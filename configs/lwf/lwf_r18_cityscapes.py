_base_ = ['../_base_/streams/r18_cityscapes.py', '../_base_/methods/lwf.py']
method = dict(
    weight=0.01,  # Table 6
    temperature=2.0)  # not stated; the original's

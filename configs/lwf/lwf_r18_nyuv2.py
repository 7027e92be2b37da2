_base_ = ['../_base_/streams/r18_nyuv2.py', '../_base_/methods/lwf.py']
method = dict(
    weight=5.0,  # Table 6
    temperature=2.0)  # not stated; the original's

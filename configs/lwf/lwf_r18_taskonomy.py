_base_ = ['../_base_/streams/r18_taskonomy.py', '../_base_/methods/lwf.py']
method = dict(
    weight=0.1,  # Table 6
    temperature=2.0)  # not stated; the original's

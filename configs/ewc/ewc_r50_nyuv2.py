_base_ = ['../_base_/streams/r50_nyuv2.py', '../_base_/methods/ewc.py']
method = dict(penalty=1e10)  # Table 6

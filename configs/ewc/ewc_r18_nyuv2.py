_base_ = ['../_base_/streams/r18_nyuv2.py', '../_base_/methods/ewc.py']
method = dict(penalty=1e9)  # Table 6

_base_ = ['../_base_/streams/r18_nyuv2.py', '../_base_/methods/online_ewc.py']
method = dict(penalty=1e9)  # EWC's of Table 6

_base_ = ['../_base_/streams/r50_nyuv2.py', '../_base_/methods/lwp.py']
method = dict(alpha=20.0, group_threshold=0.6)  # HAD's (Appendix C.4)

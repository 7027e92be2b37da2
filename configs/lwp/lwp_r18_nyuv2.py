_base_ = ['../_base_/streams/r18_nyuv2.py', '../_base_/methods/lwp.py']
method = dict(alpha=3.0, group_threshold=0.9)  # HAD's (Appendix C.4)

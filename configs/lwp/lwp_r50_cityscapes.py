_base_ = ['../_base_/streams/r50_cityscapes.py', '../_base_/methods/lwp.py']
method = dict(alpha=1.0, group_threshold=0.5)  # HAD's (Appendix C.4)

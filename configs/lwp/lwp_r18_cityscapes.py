_base_ = ['../_base_/streams/r18_cityscapes.py', '../_base_/methods/lwp.py']
method = dict(alpha=100.0, group_threshold=0.6)  # HAD's (Appendix C.4)

_base_ = ['../_base_/streams/r18_taskonomy.py', '../_base_/methods/lwp.py']
method = dict(alpha=1.0, group_threshold=0.9)  # HAD's (Appendix C.4)

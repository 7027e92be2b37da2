_base_ = ['../_base_/streams/r18_nyuv2.py', '../_base_/methods/had.py']
method = dict(alpha=3.0, group_threshold=0.9, saliency_guided=dict(edge_threshold=0.5))  # Appendix C.4

_base_ = ['../_base_/streams/r18_cityscapes.py', '../_base_/methods/had.py']
method = dict(alpha=100.0, group_threshold=0.6, saliency_guided=dict(edge_threshold=0.6))  # Appendix C.4

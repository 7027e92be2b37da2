_base_ = ['../_base_/streams/r50_cityscapes.py', '../_base_/methods/had.py']
method = dict(alpha=1.0, group_threshold=0.5, saliency_guided=dict(edge_threshold=0.8))  # Appendix C.4

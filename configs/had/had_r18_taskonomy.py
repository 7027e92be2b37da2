_base_ = ['../_base_/streams/r18_taskonomy.py', '../_base_/methods/had.py']
method = dict(alpha=1.0, group_threshold=0.9, saliency_guided=dict(edge_threshold=0.5))  # Appendix C.4

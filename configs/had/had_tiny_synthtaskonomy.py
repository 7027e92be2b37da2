_base_ = ['../_base_/streams/tiny_synthtaskonomy.py', '../_base_/methods/had.py']
method = dict(alpha=1.0, group_threshold=0.9, saliency_guided=dict(edge_threshold=0.5))  # as for Taskonomy

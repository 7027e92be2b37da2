# HAD with the edges of the student's prediction instead of those of the loss (Fig. 5).
_base_ = ['../had_tiny_synthrooms.py']
method = dict(edge_source='prediction')

# HAD with the edges of the student's prediction instead of those of the loss (Fig. 5).
_base_ = ['../had_r50_nyuv2.py']
method = dict(edge_source='prediction')

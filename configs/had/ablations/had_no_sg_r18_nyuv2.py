# HAD without the saliency-guided loss (Table 4).
_base_ = ['../had_r18_nyuv2.py']
method = dict(saliency_guided=None)

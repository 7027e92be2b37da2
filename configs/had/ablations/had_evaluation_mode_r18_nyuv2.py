# HAD with what the student predicts in evaluation mode.
_base_ = ['../had_r18_nyuv2.py']
method = dict(evaluation_mode=True)

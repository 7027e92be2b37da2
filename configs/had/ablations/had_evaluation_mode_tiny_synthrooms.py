# HAD with what the student predicts in evaluation mode.
_base_ = ['../had_tiny_synthrooms.py']
method = dict(evaluation_mode=True)

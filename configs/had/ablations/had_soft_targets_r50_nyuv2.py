# HAD with the teacher's probabilities as targets inside the groups.
_base_ = ['../had_r50_nyuv2.py']
method = dict(temperature=1.0)

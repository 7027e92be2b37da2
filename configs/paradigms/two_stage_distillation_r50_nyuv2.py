_base_ = ['../_base_/streams/r50_nyuv2.py', '../_base_/methods/two_stage_distillation.py']
method = dict(alpha=20.0)  # HAD's (Appendix C.4); the paper gives it none

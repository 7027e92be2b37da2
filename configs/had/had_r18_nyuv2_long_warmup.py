# The other reading of "warmup rate 0.5" (Appendix C.4): half of each phase is spent warming up, from 0.
_base_ = ['./had_r18_nyuv2.py']
param_scheduler = dict(warmup=0.5, start_factor=0.0)

# The other reading of HAD's "warmup rate 0.5" (Appendix C.4): half of the phase is spent warming up from 0.
_base_ = ['./adam_nyuv2.py']
param_scheduler = dict(warmup=0.5, start_factor=0.0)

_base_ = ['../_base_/streams/split_digits.py', '../_base_/methods/hcl_kd.py']
method = dict(weight=1.0)

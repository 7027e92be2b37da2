_base_ = ['../_base_/streams/split_digits.py', '../_base_/methods/rcd_normalized.py']

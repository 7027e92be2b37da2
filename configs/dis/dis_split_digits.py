_base_ = ['../_base_/streams/split_digits.py', '../_base_/methods/dis.py']
method = dict(alpha=1.0)

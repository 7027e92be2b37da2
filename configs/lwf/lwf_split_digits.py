_base_ = ['../_base_/streams/split_digits.py', '../_base_/methods/lwf.py']
method = dict(weight=1.0, old_classes_only=True)

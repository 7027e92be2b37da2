_base_ = ['../_base_/streams/split_digits.py', '../_base_/methods/er.py']
method = dict(weight=1.0, replay_batch_size=16)  # the original's; not searched

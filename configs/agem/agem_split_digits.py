_base_ = ['../_base_/streams/split_digits.py', '../_base_/methods/agem.py']
method = dict(replay_batch_size=16)

_base_ = ['../_base_/streams/split_digits.py', '../_base_/methods/derpp.py']
# The strengths are those of DER++ for this many images (Buzzega et al., NeurIPS 2020), whose backbone does not change.
method = dict(weight=0.1, label_weight=0.5, replay_batch_size=16)

_base_ = ['../_base_/streams/r50_cityscapes.py', '../_base_/methods/derpp.py']
method = dict(weight=1.0, label_weight=1.0, replay_batch_size=8)  # as for DER; the paper does not run DER++

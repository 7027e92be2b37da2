_base_ = ['../_base_/streams/r18_nyuv2.py', '../_base_/methods/derpp.py']
method = dict(weight=0.01, label_weight=0.01, replay_batch_size=8)  # as for DER; the paper does not run DER++

_base_ = ['../_base_/streams/split_tiny_imagenet.py', '../_base_/methods/derpp.py']
# The strengths are those of DER++ for this many images (Buzzega et al., NeurIPS 2020), whose backbone does not change.
method = dict(weight=0.1, label_weight=1.0, memory_size=200, replay_batch_size=32)
stored_images = 200

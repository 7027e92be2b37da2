_base_ = ['../_base_/streams/split_tiny_imagenet.py', '../_base_/methods/hcl.py']
method = dict(
    weight=1.0,
    inversion=dict(feature_weight=0.2, variation_weight=0.003, norm_weight=0.003, chunk_size=200),
    num_images=200,
    inverted_batch_size=None)

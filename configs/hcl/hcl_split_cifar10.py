_base_ = ['../_base_/streams/split_cifar10.py', '../_base_/methods/hcl.py']
method = dict(
    weight=1.0,
    inversion=dict(learning_rate=0.005, feature_weight=0.1, variation_weight=0.001, norm_weight=0.0, chunk_size=200),
    num_images=200,
    inverted_batch_size=None)

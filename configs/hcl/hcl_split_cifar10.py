_base_ = ['../_base_/split_cifar10_growing.py']
method = dict(
    type='HCL',
    weight=1.0,
    inversion=dict(
        type='QuickDeepInversion', steps=500, warmup_steps=100, learning_rate=0.005, feature_weight=0.1,
        variation_weight=0.001, norm_weight=0.0, chunk_size=200),
    num_images=200,
    inverted_batch_size=None)

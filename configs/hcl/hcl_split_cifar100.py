_base_ = ['../_base_/split_cifar100_growing.py']
method = dict(
    type='HCL',
    weight=3.0,
    inversion=dict(
        type='QuickDeepInversion', steps=500, warmup_steps=100, learning_rate=0.03, feature_weight=0.2,
        variation_weight=0.003, norm_weight=0.003, chunk_size=200),
    num_images=200,
    inverted_batch_size=None)

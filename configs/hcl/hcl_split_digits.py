_base_ = ['../_base_/streams/split_digits.py', '../_base_/methods/hcl.py']
method = dict(
    weight=1.0,
    inversion=dict(
        steps=100, warmup_steps=20, learning_rate=0.05, feature_weight=0.02, target_weight=10.0, chunk_size=100),
    num_images=100,
    inverted_batch_size=32)

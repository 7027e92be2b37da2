_base_ = ['../_base_/streams/split_synth_objects.py', '../_base_/methods/hcl.py']
method = dict(
    weight=0.5,
    inversion=dict(
        steps=100, warmup_steps=20, learning_rate=0.05, feature_weight=0.02, variation_weight=0.003, norm_weight=0.003,
        chunk_size=32),
    num_images=32,
    inverted_batch_size=None)

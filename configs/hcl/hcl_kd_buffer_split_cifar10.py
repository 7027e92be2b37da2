_base_ = ['../_base_/split_cifar10_growing.py']
# HCL's "KD with buffer": a reservoir of images with their labels, beside the distillation on the new images.
method = dict(
    type='Combined',
    methods=[
        dict(type='HCL', weight=1.0),
        dict(type='DERpp', weight=0.0, label_weight=0.3, memory_size=200, replay_batch_size=32),
    ])
stored_images = 200

# SynthRooms while the backbone changes from phase to phase (the setting of HCL): ResNet-18, ResNet-50, a small Swin.
_base_ = ['./tiny_synthrooms.py']
resnet50 = dict(depth=50)
swin = dict(  # at output stride 8, as the ResNets; no later stage is built
    type='SwinTransformer', embed_dims=48, depths=(2, 6), num_heads=(3, 6), window_size=6, strides=(4, 2),
    out_indices=(1, ))
phases = [
    dict(task='segmentation'),
    dict(task='depth', backbone=resnet50),
    dict(task='normal', backbone=swin),
]
train_cfg = dict(max_epochs=20)  # each phase starts a learner from random weights and has the epochs of the first

# HCL (Madaan et al., CVPR 2023): KD on new images and on images inverted from the teacher. A config adds weight and
# num_images. The learning rate is that of its released code for CIFAR-100.
method = dict(
    type='HCL', inversion=dict(type='QuickDeepInversion', steps=500, warmup_steps=100, learning_rate=0.03))

_base_ = ['../_base_/split_cifar10_growing.py']
method = dict(type='LwF', weight=3.0)

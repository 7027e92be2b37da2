_base_ = ['../_base_/split_cifar100_growing.py']
method = dict(type='LwF', weight=3.0)

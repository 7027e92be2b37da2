_base_ = ['../_base_/split_cifar100_growing.py']
method = dict(type='DIS', alpha=3.0)

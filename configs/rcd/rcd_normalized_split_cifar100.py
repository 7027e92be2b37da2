_base_ = ['../_base_/streams/split_cifar100.py', '../_base_/methods/rcd_normalized.py']

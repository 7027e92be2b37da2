_base_ = ['../_base_/streams/split_cifar100.py', '../_base_/methods/hcl_kd.py']
method = dict(weight=3.0)

_base_ = ['../_base_/split_tiny_imagenet_growing.py']
method = dict(type='HCL', weight=3.0)

_base_ = ['../_base_/split_tiny_imagenet_growing.py']
method = dict(type='DIS', alpha=3.0)

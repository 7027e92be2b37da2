_base_ = ['../_base_/models/swin_tiny_aspp.py', '../_base_/kdam_pascal_context.py']

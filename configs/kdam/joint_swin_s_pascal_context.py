_base_ = ['../_base_/models/swin_small_aspp.py', '../_base_/kdam_pascal_context.py']

_base_ = ['../_base_/models/swin_large_aspp.py', '../_base_/kdam_nyud.py']

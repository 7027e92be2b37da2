_base_ = ['../_base_/models/hrnet18_aspp.py', '../_base_/kdam_nyud.py']

_base_ = ['../_base_/streams/r50_nyuv2.py', '../_base_/methods/rcd_normalized.py']

_base_ = ['../_base_/streams/r18_synthrooms.py', '../_base_/methods/rcd.py']

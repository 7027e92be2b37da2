_base_ = ['../_base_/streams/r18_cityscapes.py', '../_base_/methods/dis.py']
method = dict(alpha=100.0)  # HAD's (Appendix C.4); the paper gives DIS none

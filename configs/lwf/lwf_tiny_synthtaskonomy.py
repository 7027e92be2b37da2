_base_ = ['../_base_/streams/tiny_synthtaskonomy.py', '../_base_/methods/lwf.py']
method = dict(weight=1.0)  # as for HAD; not searched

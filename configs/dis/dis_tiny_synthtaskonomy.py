_base_ = ['../_base_/streams/tiny_synthtaskonomy.py', '../_base_/methods/dis.py']
method = dict(alpha=1.0)  # as for HAD; not searched

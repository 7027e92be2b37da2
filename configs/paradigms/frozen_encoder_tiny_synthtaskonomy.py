_base_ = ['../_base_/streams/tiny_synthtaskonomy.py', '../_base_/methods/frozen_encoder.py']

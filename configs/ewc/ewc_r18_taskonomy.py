_base_ = ['../_base_/streams/r18_taskonomy.py', '../_base_/methods/ewc.py']
method = dict(penalty=1e9)  # Table 6

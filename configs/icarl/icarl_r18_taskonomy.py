_base_ = ['../_base_/streams/r18_taskonomy.py', '../_base_/methods/icarl.py']
method = dict(
    weight=1.0,  # Table 6
    replay_batch_size=8)  # not stated; the buffer of the released code draws 8

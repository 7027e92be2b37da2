# HAD, Appendix C.4: the same for all data sets. The paper states no number of epochs, and its released code reads NYUv2
# alone; its default of 20 is kept. That is 460 steps of 64 images in each of the two phases.
_base_ = ['./adam_nyuv2.py']
train_cfg = dict(max_epochs=20)

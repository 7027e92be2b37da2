# HAD, Appendix C.4: the same for all data sets. The paper states no number of epochs, and its released code reads NYUv2
# alone; its default of 20 is kept. With the paper's 1,390 images that is 160 steps of 16 in each of the ten phases.
_base_ = ['./adam_nyuv2.py']
train_cfg = dict(max_epochs=20)

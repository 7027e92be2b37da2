# HAD, Appendix C.4: Adam, learning rate 1e-4, weight decay 1e-5, "a linear learning rate scheduler with a warmup phase,
# where the warmup rate is set to 0.5".
optim_wrapper = dict(
    type='MethodOptimWrapper', optimizer=dict(type='Adam', lr=1e-4, weight_decay=1e-5, fused=True))
# Read as OpenMMLab's warmup_ratio: start at half the rate. The length of the warm-up is not stated (ours: a tenth).
# The other reading, half of the phase spent warming up, is had_r18_nyuv2_long_warmup.py.
param_scheduler = dict(
    type='LinearWarmupDecayLR', by_epoch=False, warmup=0.1, start_factor=0.5, end_factor=0.0)
# The paper states no number of epochs; 20 is the default of its released code.
train_cfg = dict(by_epoch=True, max_epochs=20)

# Measured to learn on SynthRooms from random weights: Adam 1e-3, a tenth of warm-up, decay to 2 %, clipped at 10.
optim_wrapper = dict(
    type='MethodOptimWrapper',
    optimizer=dict(type='Adam', lr=1e-3, weight_decay=1e-5, fused=True),
    clip_grad=dict(max_norm=10.0))
param_scheduler = dict(
    type='LinearWarmupDecayLR', by_epoch=False, warmup=0.1, start_factor=0.0, end_factor=0.02)
train_cfg = dict(by_epoch=True, max_epochs=14)

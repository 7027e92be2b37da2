# What every run shares: logging, training checkpoints, processes.
default_scope = 'lhl'
randomness = dict(seed=0)
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))
default_hooks = dict(
    checkpoint=dict(type='PhaseCheckpointHook', interval=1),
    logger=dict(type='LoggerHook', interval=10, log_metric_by_epoch=True))
log_processor = dict(by_epoch=True, window_size=10)
visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
log_level = 'INFO'

_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(
    type='TwoStageDistillation', alpha=1.0, optimizer=dict(type='Adam', lr=1e-3, weight_decay=1e-5, fused=True))

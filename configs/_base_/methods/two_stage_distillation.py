# Paradigm 2 of HAD's Table 3: the old heads learn after the new task. A config adds alpha.
method = dict(type='TwoStageDistillation', optimizer=dict(type='Adam', lr=1e-4, weight_decay=1e-5, fused=True))

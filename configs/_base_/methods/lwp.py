# Learning with preserving (Wang et al., AAAI 2026). A config adds alpha and group_threshold.
method = dict(type='LwP', distance_weight=1.0)  # a first guess: the paper has no dense tasks

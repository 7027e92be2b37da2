# Paradigm 1 of HAD's Table 3: the backbone has no gradient from the distillation. A config adds alpha.
method = dict(type='DetachedDistillation')

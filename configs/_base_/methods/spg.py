# Soft-masking of parameter-level gradients (Konishi et al., ICML 2023). It has no hyperparameter.
method = dict(type='SPG')

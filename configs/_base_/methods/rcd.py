# Retention-constrained distillation, with the distance of DIS. Neither kappa nor what follows is a strength to search.
method = dict(type='RCD', distance=dict(type='DIS'), kappa=1.5)

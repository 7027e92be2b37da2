_base_ = ['../_base_/streams/synthrooms3.py', '../_base_/methods/sgp.py']
method = dict(
    scale=100.0,  # that of the tiny rooms; not searched here yet
    freeze_rest=True)  # as the authors' code has it

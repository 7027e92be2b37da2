_base_ = ['../_base_/streams/synthrooms3_normals_first.py', '../_base_/methods/gpm.py']
method = dict(
    threshold=0.9,  # that of the tiny rooms; not searched here yet
    freeze_rest=True)  # as the authors' code has it

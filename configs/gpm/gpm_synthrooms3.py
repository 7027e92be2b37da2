_base_ = ['../_base_/streams/synthrooms3.py', '../_base_/methods/gpm.py']
method = dict(
    threshold=0.9,  # searched with seed 0 on rooms of their own (docs/benchmarks.md#strengths)
    freeze_rest=True)  # as the authors' code has it

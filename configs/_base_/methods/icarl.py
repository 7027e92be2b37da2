# iCaRL (Rebuffi et al., CVPR 2017). A config adds weight.
method = dict(type='ICaRL', memory_size=50)  # HAD, Appendix C.3

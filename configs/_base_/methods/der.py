# Dark experience replay (Buzzega et al., NeurIPS 2020). A config adds weight (its alpha).
method = dict(type='DER', memory_size=50)  # HAD, Appendix C.3

# DER++ (Buzzega et al., NeurIPS 2020), which HAD does not run. A config adds weight and label_weight
# (its alpha and beta).
method = dict(type='DERpp', memory_size=50)  # HAD, Appendix C.3

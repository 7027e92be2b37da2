# Experience replay (Chaudhry et al., arXiv:1902.10486), which HAD does not run. A config adds weight.
method = dict(type='ER', memory_size=50)  # as HAD's replay methods, Appendix C.3

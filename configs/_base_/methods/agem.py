# Averaged gradient episodic memory (Chaudhry et al., ICLR 2019), which HAD does not run. It has no strength.
method = dict(type='AGEM', memory_size=50)  # as HAD's replay methods, Appendix C.3

# Global POD with the Frobenius norm (PLOP, Douillard et al., CVPR 2021; HAD, Table 10). A config adds weight, and
# has the backbone give all stages; the heads take the last, as ever.
method = dict(type='GlobalPOD', norm='fro')

# Self-distillation from the learner of the phase before (HAD, Eq. 3). A config adds alpha.
method = dict(type='DIS')

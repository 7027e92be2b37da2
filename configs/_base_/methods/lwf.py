# Learning without forgetting (Li and Hoiem, TPAMI 2017). A config adds weight.
method = dict(type='LwF')

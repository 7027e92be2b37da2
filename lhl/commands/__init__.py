"""The commands of ``lhl``, a module each: its docstring describes it, ``add_arguments`` declares what it takes, ``run``
does it and returns the exit status, None for 0.

The modules are imported before anyone knows which command is wanted, so they import torch and what needs it in ``run``.
"""

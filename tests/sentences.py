"""What a command ends with if the user can correct something."""


def the_error(code, stderr):
    """Check that a command ended with one sentence, and give it."""
    errors = [line for line in stderr.splitlines() if line.startswith('error: ')]
    assert code == 1 and len(errors) == 1 and stderr.splitlines()[-1] == errors[0], stderr
    assert 'Traceback' not in stderr
    return errors[0]

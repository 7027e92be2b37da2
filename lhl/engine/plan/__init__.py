"""The plan of a run: what a config asks for, resolved and checked before anything is trained."""

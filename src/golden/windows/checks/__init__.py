"""Checks of a Windows before sysprep is started: what they are, from a powered-off disk, and in the running guest."""

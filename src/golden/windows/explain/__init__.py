"""
Why Windows did not do what it was asked for, told from its logs: sysprep, first boot, drivers, servicing, installers.

``sources`` finds logs in files, folders and archives, one module a kind of log reads it, and ``explanation`` puts what
they tell together: sysprep leads, the others say why a driver, an update, a feature or a program did not go in.
Independent of any hypervisor and of any configuration. docs/facts: windows 0.2, 1.2, 3.1, 5.
"""

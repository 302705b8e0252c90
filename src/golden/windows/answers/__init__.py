"""Answer files of Windows (docs/facts: windows 4): a linter, will OOBE stop and ask, and a writer."""

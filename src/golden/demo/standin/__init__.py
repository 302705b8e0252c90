"""The stand-in guest: a small Linux whose disk looks like Windows, and stand-ins for the programs golden calls."""

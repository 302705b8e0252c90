"""A Hyper-V host to test against: the real wire protocols, real VHDX files, guests as processes. See README.md."""

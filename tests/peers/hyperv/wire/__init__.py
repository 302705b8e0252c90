"""What clients speak to: PSRP shells, WSMan, and the subsystems of an OpenSSH server."""

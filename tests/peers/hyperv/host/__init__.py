"""What outlives a session: the store of machines, disks, guests and jobs, in a process of its own."""

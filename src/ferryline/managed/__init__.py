"""Services that move bytes in Ferryline's stead, driven and watched: DataSync and S3 replication.

Told what to drive by `config`, asked by the runs that `cli` starts through the small Protocols that
`pipeline` declares; the two rooms are strangers. It moves no byte, proves nothing and publishes nothing: a
replica that a service filled counts only once Ferryline itself has compared it.
"""

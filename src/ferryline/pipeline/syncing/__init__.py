"""The run of `sync`: a lane to each replica, one read for all, and what is published at its end.

`sync.Sync` drives `lane.Lane`; a lane looks (`tenure`, `seeding`), plans (`itinerary`), sends (`convoy`,
`sharing`) and publishes (`issuing`, `publication`, `proofs`). Nothing here knows a command.
"""

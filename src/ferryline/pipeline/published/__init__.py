"""What the commands about published datasets do: look, point, prune, check, unlock, retire.

`door` is what `cli` calls; an `errand.Errand` is what each works with. Nothing here copies an object.
"""

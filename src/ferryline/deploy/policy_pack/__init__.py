"""A Pulumi policy pack: `pulumi up --policy-pack` this folder. It holds no rules of its own.

`__main__.py` reads the pack's configuration and gives `pack_rules` to Pulumi.
"""

"""A Pulumi plugin of this room's components, for programs in any language: `pulumi package add` this folder.

It holds no code of its own: `PulumiPlugin.yaml` tells Pulumi to run `__main__.py`, which hosts what
`hosting` lists; `schema.json` is what the host infers.
"""

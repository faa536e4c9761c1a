"""Policy: what the person wishes for, as frozen values. It never looks at what is.

The command line, the server, the readers and the stages call it. It reads policy files and checks
them; it opens no location, resolves no secret on its own, and imports neither storage nor state.
"""

from ferryline.policy.document import load, parse
from ferryline.policy.guarantees import notes
from ferryline.policy.json_schema import schema
from ferryline.policy.values import Dataset, Policy

__all__ = ["Dataset", "Policy", "load", "notes", "parse", "schema"]

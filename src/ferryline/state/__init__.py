"""This host's memory: what was proven, what endpoints honour, which runs there were, who writes where.

Called by `pipeline`. The only room with SQL. It stores facts and decides nothing; neither secrets nor
object data ever come in, and losing all of it costs time, never correctness.
"""

from ferryline.state.opening import SQLITE, State, open_state

__all__ = ["SQLITE", "State", "open_state"]

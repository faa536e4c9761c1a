"""This host's memory: what was proven, what endpoints honour, who writes where. Losing it costs time only.

Called by `pipeline`. The only room with SQL. It stores facts and decides nothing; nothing secret and
no object data ever comes in.
"""

from ferryline.state.opening import State, open_state

__all__ = ["State", "open_state"]

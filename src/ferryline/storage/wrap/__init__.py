"""One wrapper per concern around a bare store: retry, limit, fence, pace. `stack` composes them, nobody else.

From the outside in: retry repeats an attempt, limit lets a bounded number of attempts out at once, fence
asks whether this process may still write there, pace delays reads to a bandwidth. A request that waits
for its next attempt therefore holds no place in the window, what was waited for before a write goes out
is behind it when the fence is asked, and bytes are paced only once an attempt may go out. Tracing is the
innermost concern; the S3 backend does it itself, one event per request, because one verb may be several.
"""

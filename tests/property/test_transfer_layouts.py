"""Whatever the size and the ETag: the layout is legal, covers every byte once, and fits the memory."""

from hypothesis import given
from hypothesis import strategies as st

from ferryline.model import span
from ferryline.model.span import GIB, MIB, Layout
from ferryline.transfer.layouts import Limits, choose

SIZES = st.one_of(st.integers(1, 200 * MIB), st.integers(1, 700 * GIB), st.integers(1, span.OBJECT_BYTES_MAX))
ETAGS = st.one_of(
    st.none(),
    st.just(b"0" * 32),
    st.just(b"opaque"),
    st.integers(1, 10_000).map(lambda count: b"0" * 32 + b"-%d" % count),
)
S3 = Limits(16 * MIB, 5 * MIB, 64 * MIB)


@given(SIZES, ETAGS, st.one_of(st.none(), st.integers(0, 6 * GIB)))
def test_every_layout_for_s3_is_legal_and_covers_every_byte_once(size_bytes, etag, first_part_bytes):
    layout = choose(size_bytes, etag, first_part_bytes, S3)
    assert layout.size_bytes == size_bytes
    assert 1 <= layout.count <= span.PART_COUNT_MAX
    last = layout.span(layout.count)
    assert (layout.count - 1) * layout.part_bytes + last.size_bytes == size_bytes
    assert 1 <= last.size_bytes <= layout.part_bytes
    if layout.count > 1:
        assert 5 * MIB <= layout.part_bytes <= span.PART_BYTES_MAX
    if size_bytes <= span.PART_COUNT_MAX * span.PART_BUDGET_BYTES:
        assert layout.part_bytes <= span.PART_BUDGET_BYTES


@given(st.integers(5, 64), st.integers(1, 10_000), st.integers(0, 10**9))
def test_a_uniform_layout_that_is_told_is_kept(part_mib, count, cut):
    part_bytes = part_mib * MIB
    size_bytes = count * part_bytes - cut % part_bytes
    etag = b"0" * 32 + b"-%d" % count
    assert choose(size_bytes, etag, min(part_bytes, size_bytes), S3).count == count
    if count > 1:
        assert choose(size_bytes, etag, part_bytes, S3) == Layout(size_bytes, part_bytes)


@given(SIZES, st.integers(1, 128 * MIB))
def test_a_store_without_s3s_rules_gets_parts_that_fit_any_memory(size_bytes, buffer_bytes_max):
    layout = choose(size_bytes, None, None, Limits(16 * MIB, 1, buffer_bytes_max))
    assert layout.part_bytes <= buffer_bytes_max
    assert layout.span(layout.count).last == size_bytes - 1


@given(st.integers(1, 5000), st.integers(2, 64))
def test_sizes_at_the_edges_of_part_counts_stay_legal(count, part_mib):
    for size_bytes in (count * part_mib * MIB + offset for offset in (-1, 0, 1)):
        layout = choose(size_bytes, b"0" * 32 + b"-%d" % count, None, S3)
        assert layout.count == 1 or layout.part_bytes >= 5 * MIB

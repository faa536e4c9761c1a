"""Law 9: deny wins, nothing is allowed by accident, and the order of a list means nothing."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ferryline.policy.values import RegionSpec, Residency
from ferryline.regions import catalog, jurisdiction
from ferryline.residency.decide import Allowed, Bounds, Refused, Role, Stop, decide, jurisdiction_of

REGIONS = sorted(catalog.known())
TELLING = [
    "eu-central-1",
    "us-east-1",
    "cn-north-1",
    "ap-east-1",
    "eu-west-2",
    "ap-southeast-1",
    "eu-isoe-west-1",
]
"""Regions that the codes below tell apart."""
CODES = ["EU", "EEA", "EFTA", "UK", "GB", "DE", "DE-BY", "FR", "US", "CN", "HK", "CH", "SG", "ASEAN", "XX-9", "CHN", "us-east-1", "lab"]  # fmt: skip

codes = st.lists(st.sampled_from(CODES), max_size=5).map(tuple)
rules = st.builds(Residency, st.none() | codes, codes)
declared = st.sampled_from(["FR", "DE-BY", "EU", "ASEAN", "CHN", None]).map(
    lambda code: {"lab": RegionSpec("lab", jurisdiction=code)}
)
names = st.sampled_from(TELLING) | st.sampled_from(REGIONS) | st.sampled_from(["lab", "nowhere"])
stops = st.builds(Stop, st.just("x/"), st.sampled_from(list(Role)), st.none() | names, st.none() | names)


def verdict(residency, regions, stop):
    return decide(Bounds("d", residency, regions), stop)


def worlds(code: str) -> frozenset[str]:
    """The countries a region of this jurisdiction may lie in, told in the plainest way."""
    group = jurisdiction.groups().get(code)
    return group.members if group else frozenset({code})


@settings(max_examples=300)
@given(rules, declared, stops)
def test_whatever_is_allowed_is_outside_every_denied_code_in_every_world(residency, regions, stop):
    if not isinstance(verdict(residency, regions, stop), Allowed) or residency == Residency():
        return
    region = stop.resolved if stop.resolved is not None else stop.declared
    code = jurisdiction_of(region, regions)
    assert code is not None, "a region nobody knows was allowed"
    for world in worlds(code):
        for denied in residency.deny:
            assert denied != region
            assert world not in worlds(denied)
            assert world.split("-")[0] not in worlds(denied)
            assert denied.split("-")[0] != world or denied == region


@settings(max_examples=300)
@given(rules, declared, stops)
def test_with_an_allow_list_whatever_is_allowed_is_inside_it_in_every_world(residency, regions, stop):
    assume(residency.allow is not None)
    if not isinstance(verdict(residency, regions, stop), Allowed):
        return
    region = stop.resolved if stop.resolved is not None else stop.declared
    code = jurisdiction_of(region, regions)
    assert code is not None
    inside = frozenset().union(*(worlds(one) for one in residency.allow))
    assert region in residency.allow or all(w in inside or w.split("-")[0] in inside for w in worlds(code))


@given(rules, declared, stops, st.randoms(use_true_random=False))
def test_the_order_and_repetition_of_codes_means_nothing(residency, regions, stop, chance):
    def shuffled(some):
        if some is None:
            return None
        mixed = [*some, *some[:1]]
        chance.shuffle(mixed)
        return tuple(mixed)

    other = Residency(shuffled(residency.allow), shuffled(residency.deny))

    assert verdict(residency, regions, stop) == verdict(other, regions, stop)


@given(rules, declared, stops, st.sampled_from(CODES))
def test_denying_more_never_allows_more(residency, regions, stop, code):
    assume(residency != Residency())
    before = verdict(residency, regions, stop)
    after = verdict(Residency(residency.allow, (*residency.deny, code)), regions, stop)

    assert isinstance(before, Allowed) or isinstance(after, Refused)


@given(rules, declared, stops)
def test_allowing_less_never_allows_more(residency, regions, stop):
    assume(residency.allow)
    before = verdict(residency, regions, stop)
    after = verdict(Residency(residency.allow[1:], residency.deny), regions, stop)

    assert isinstance(before, Allowed) or isinstance(after, Refused)


@settings(max_examples=300)
@given(rules, declared, stops)
def test_what_is_resolved_decides_alone(residency, regions, stop):
    assume(stop.resolved is not None)
    other = Stop(stop.location, stop.role, None, stop.resolved)

    assert isinstance(verdict(residency, regions, stop), Allowed) == isinstance(
        verdict(residency, regions, other), Allowed
    )


groups = st.sampled_from(sorted(jurisdiction.groups()))


@given(groups, st.data())
def test_a_region_somewhere_in_a_group_needs_all_of_the_group_allowed(group, data):
    members = sorted(jurisdiction.groups()[group].members)
    some = data.draw(st.lists(st.sampled_from(members), unique=True))
    regions = {"lab": RegionSpec("lab", jurisdiction=group)}
    stop = Stop("x/", Role.REPLICA, "lab")

    assert isinstance(verdict(Residency(tuple(some)), regions, stop), Allowed) == (len(some) == len(members))
    assert isinstance(verdict(Residency(tuple(members)), regions, stop), Allowed)
    denied = verdict(Residency(deny=tuple(some)), regions, stop)
    assert isinstance(denied, Allowed) == (not some)


@given(st.sampled_from(REGIONS), st.text("ABCDEFGHIJ0123456789", min_size=1, max_size=3))
def test_denying_a_part_denies_its_country_and_denying_a_country_denies_its_parts(region, suffix):
    country = jurisdiction_of(region, {})
    assume(country is not None)
    part = f"{country}-{suffix}"
    regions = {"lab": RegionSpec("lab", jurisdiction=part)}

    assert isinstance(verdict(Residency(deny=(part,)), {}, Stop("x/", Role.REPLICA, region)), Refused)
    assert isinstance(verdict(Residency(deny=(country,)), regions, Stop("x/", Role.REPLICA, "lab")), Refused)
    assert isinstance(verdict(Residency((part,)), {}, Stop("x/", Role.REPLICA, region)), Refused)
    assert isinstance(verdict(Residency((country,)), regions, Stop("x/", Role.REPLICA, "lab")), Allowed)


@given(rules, declared, stops)
def test_a_refusal_always_says_what_would_change_it(residency, regions, stop):
    decision = verdict(residency, regions, stop)
    if isinstance(decision, Refused):
        assert decision.why
        assert decision.remedy
        assert decision.stop == stop

"""May this dataset's bytes be at this place? One pure function, the same at every door.

Called by `check`, by `plan`, before the first byte, by readers and by deploy. Its answer is a frozen
value; `enforce` turns a refusal into the exception that ends a run with exit code 3. It resolves
nothing: what is known about a place comes in a `Stop`.

- No rules: allowed.
- The region that was resolved beats the one that was declared.
- Rules, and no region, or a region whose jurisdiction is not known: denied.
- A region named in `deny`, or that might be inside a denied code: denied, whatever `allow` says.
- No `allow`, and a declared jurisdiction that is no known code: denied, for it may be anywhere.
- A code in `deny` that means nothing (`CHN`): denied, for nobody knows what it was to keep out.
- With `allow`: allowed only if it is named there or wholly inside what is allowed there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ferryline import errors
from ferryline.policy.values import RegionSpec, Residency
from ferryline.regions import catalog, jurisdiction, place
from ferryline.regions.record import Known
from ferryline.residency import ground


class Role(StrEnum):
    """What happens to the bytes at a stop."""

    SOURCE = "source"
    REPLICA = "replica"
    METADATA = "metadata"
    TRANSIT = "run_in"
    """Where the process runs that the bytes pass through."""
    READER = "reader"


class Rule(StrEnum):
    """Which rule refused."""

    UNKNOWN_REGION = "unknown region"
    UNKNOWN_CODE = "unknown code"
    DENY = "deny"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class Stop:
    """A place where a dataset's bytes lie or pass.

    `location` is what a person calls it, without secrets; `declared` the region the policy gives it;
    `resolved` the one that the endpoint itself named, or None where it was not or cannot be asked.
    """

    location: str
    role: Role
    declared: str | None = None
    resolved: str | None = None

    @property
    def region(self) -> str | None:
        """The region that counts."""
        return self.resolved if self.resolved is not None else self.declared


@dataclass(frozen=True, slots=True)
class Bounds:
    """A dataset's rules, and the regions its policy declares beside the catalog."""

    dataset: str
    rules: Residency
    regions: Mapping[str, RegionSpec] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The bytes may be there. `why` is one line."""

    dataset: str
    stop: Stop
    jurisdictions: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The bytes may not be there: by which rule (`code` where one code decided), and what would change it."""

    dataset: str
    stop: Stop
    rule: Rule
    code: str | None
    jurisdictions: tuple[str, ...]
    why: str
    remedy: str


Decision = Allowed | Refused


def decide(bounds: Bounds, stop: Stop) -> Decision:
    """Whether the dataset's bytes may be at `stop`. Pure: same arguments, same answer."""
    rules = bounds.rules
    region = stop.region
    code = jurisdiction_of(region, bounds.regions)
    names = jurisdiction.names_of(code) if code else ()
    if rules.allow is None and not rules.deny:
        return Allowed(bounds.dataset, stop, names, "the dataset has no residency rules")
    if region is None or code is None:
        return _unknown(bounds, stop)
    spot = ground.ground_of(code)
    for denied in sorted(set(rules.deny)):
        if denied == region or ground.touched(spot, denied):
            return _denied(bounds, stop, names, denied)
    for denied in sorted(set(rules.deny)):
        if not _means_something(denied, bounds.regions):
            return _meaningless(bounds, stop, names, denied)
    if rules.allow is None and not jurisdiction.is_known(code):
        return _unknown(bounds, stop)
    if rules.allow is None:
        return Allowed(bounds.dataset, stop, names, f"{region} ({', '.join(names)}) is in nothing denied")
    if region in rules.allow or ground.covered(spot, rules.allow):
        return Allowed(
            bounds.dataset,
            stop,
            names,
            f"{region} ({', '.join(names)}) is inside allow: {_list(rules.allow)}",
        )
    why = f"{region} is in {', '.join(names)}, outside allow: {_list(rules.allow)}"
    field = f"datasets.{bounds.dataset}.residency.allow"
    remedy = f"use a region inside {_list(rules.allow)}, or add {code} to {field}"
    return Refused(bounds.dataset, stop, Rule.ALLOW, None, names, why, remedy)


def decide_all(bounds: Bounds, stops: Iterable[Stop]) -> tuple[Decision, ...]:
    """The decision for every stop, in their order."""
    return tuple(decide(bounds, stop) for stop in stops)


def enforce(decisions: Iterable[Decision]) -> None:
    """Raise `GuardRefused` (kind `residency`, exit code 3) naming every refusal, if there is one."""
    refused = [one for one in decisions if isinstance(one, Refused)]
    if not refused:
        return
    raise errors.GuardRefused(
        "; ".join(sentence(one) for one in refused),
        advice="no byte was moved; " + "; ".join(dict.fromkeys(one.remedy for one in refused)),
        place=refused[0].stop.location,
        kind="residency",
    )


def sentence(refused: Refused) -> str:
    """A refusal in one line: rule, dataset, location, region."""
    where = f"the {refused.stop.role.value} {refused.stop.location}"
    if refused.stop.role is Role.TRANSIT:
        where = "the copying process (run_in)"
    return (
        f"residency of {refused.dataset!r} refuses {where} "
        f"in {refused.stop.region or 'an unknown region'}: {refused.why}"
    )


def jurisdiction_of(region: str | None, declared: Mapping[str, RegionSpec]) -> str | None:
    """The jurisdiction of a region by name, or None. The catalog beats the policy's own regions."""
    if region is None:
        return None
    if region in catalog.known():
        found = place.country(region)
        return found.value if isinstance(found, Known) else None
    spec = declared.get(region)
    return spec.jurisdiction if spec is not None else None


def _means_something(code: str, declared: Mapping[str, RegionSpec]) -> bool:
    return (
        jurisdiction.is_known(code)
        or code in catalog.known()
        or code in declared
        or any(spec.jurisdiction == code for spec in declared.values())
    )


def _unknown(bounds: Bounds, stop: Stop) -> Refused:
    region = stop.region
    if region is None:
        why = "its region is not known, and the dataset has residency rules"
        remedy = (
            f"say where the copying process runs (run_in) for {bounds.dataset!r}"
            if stop.role is Role.TRANSIT
            else f"give {stop.location} a region"
        )
    else:
        why = f"the jurisdiction of {region} is not known, and the dataset has residency rules"
        remedy = f"declare regions.{region}.jurisdiction as an ISO 3166-1 code or a group"
        if region in catalog.known():
            remedy = "use a region whose country is public"
    return Refused(bounds.dataset, stop, Rule.UNKNOWN_REGION, None, (), why, remedy)


def _denied(bounds: Bounds, stop: Stop, names: tuple[str, ...], code: str) -> Refused:
    region = stop.region
    if code in (region, *names):
        why = f"{region} is in {', '.join(names)}, and deny names {code}"
    else:
        why = f"{region} is in {', '.join(names)}, which may be inside {code}, and deny names {code}"
    remedy = f"use a region outside {code}, or remove {code} from datasets.{bounds.dataset}.residency.deny"
    return Refused(bounds.dataset, stop, Rule.DENY, code, names, why, remedy)


def _meaningless(bounds: Bounds, stop: Stop, names: tuple[str, ...], code: str) -> Refused:
    return Refused(
        bounds.dataset,
        stop,
        Rule.UNKNOWN_CODE,
        code,
        names,
        f"deny names {code}, which is no country, group or region",
        f"write the code that {code} was meant to be in datasets.{bounds.dataset}.residency.deny "
        f"(countries are ISO 3166-1, groups are {', '.join(sorted(jurisdiction.groups()))})",
    )


def _list(codes: Iterable[str]) -> str:
    return ", ".join(sorted(set(codes))) or "nothing"

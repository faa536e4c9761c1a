"""A decision in words for a person: what was asked, which rule decided, on what data, what would change it.

`ferryline explain` prints it. It decides nothing.
"""

from collections.abc import Iterable

from ferryline.regions import catalog, jurisdiction, place
from ferryline.regions.record import Known
from ferryline.residency.decide import Allowed, Decision, Role, Stop

_WHAT = {
    Role.SOURCE: "is read from",
    Role.REPLICA: "is kept at",
    Role.METADATA: "has its metadata at",
    Role.TRANSIT: "passes through",
    Role.READER: "is read in",
}


def explain(decision: Decision) -> str:
    """Several lines of plain text, without a newline at the end."""
    stop = decision.stop
    allowed = isinstance(decision, Allowed)
    lines = [
        f"{'ALLOWED' if allowed else 'REFUSED'}: {decision.dataset} {_WHAT[stop.role]} {stop.location}",
        f"  region: {_region(stop)}",
        f"  jurisdictions: {', '.join(decision.jurisdictions) or 'not known'}",
        f"  because: {decision.why}",
    ]
    if not isinstance(decision, Allowed):
        lines.insert(3, f"  rule: {decision.rule}{f' {decision.code}' if decision.code else ''}")
        lines.append(f"  what would change it: {decision.remedy}")
    lines += [f"  source: {one}" for one in _sources(decision)]
    return "\n".join(lines)


def explain_all(decisions: Iterable[Decision]) -> str:
    """Every decision, a blank line between two."""
    return "\n\n".join(explain(one) for one in decisions)


def _region(stop: Stop) -> str:
    if stop.region is None:
        return "not known"
    if stop.resolved is None:
        return f"{stop.region} (declared, not resolved)"
    if stop.declared is not None and stop.declared != stop.resolved:
        return f"{stop.resolved} (resolved; the policy declares {stop.declared}, which does not count)"
    return f"{stop.resolved} (resolved)"


def _sources(decision: Decision) -> list[str]:
    sources = []
    region = decision.stop.region
    if region is not None and region in catalog.known():
        country = place.country(region)
        if isinstance(country, Known):
            sources.append(f"{region} is in {country.value}: {country.source}")
    elif decision.jurisdictions:
        sources.append(f"{region} is in {decision.jurisdictions[0]}: declared in the policy")
    groups = jurisdiction.groups()
    wanted = dict.fromkeys((*decision.jurisdictions, getattr(decision, "code", None) or ""))
    sources += [f"{code} is {groups[code].about}: {groups[code].source}" for code in wanted if code in groups]
    return sources

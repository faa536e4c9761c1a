"""Which engine to take for each replica of a dataset, and why: advice, side by side.

`ferryline plan DATASET --engines` prints it. Pure: the policy and the catalog's prices are all that is
looked at, nothing is contacted and nothing is changed. A declared engine is never overruled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ferryline.plan import engine_cost, fitness
from ferryline.plan.ends import End, Nature, end_of
from ferryline.plan.engine_cost import Cost, Load
from ferryline.plan.fitness import Fits, Judged
from ferryline.policy import values
from ferryline.policy.interpolation import Sources
from ferryline.policy.options import Engine

SCHEMA = "ferryline.plan.engines/1"

TWO_WRITERS = (
    "let the first engine finish and take it away before the second starts: two writers in one place "
    "overwrite each other"
)


@dataclass(frozen=True, slots=True)
class Priced:
    """One engine for one replica, with what it would cost."""

    judged: Judged
    costs: tuple[Cost, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """What to take for one replica: for the objects that are there, for those that come, and why."""

    replica: str
    source: End
    destination: End
    declared: Engine
    first_load: Engine | None
    new_objects: Engine | None
    because: str
    engines: tuple[Priced, ...]


def advise(policy: values.Policy, dataset: str, size_bytes: int, sources: Sources) -> tuple[Advice, ...]:
    """Advice for every replica, in the policy's order. Raises `BadUsage` for an unknown dataset."""
    declared = policy.dataset(dataset)
    source = end_of(policy, declared.source, sources)
    found = []
    for one in declared.replicas:
        destination = end_of(policy, one.to, sources)
        load = Load(declared, source, destination, size_bytes)
        judged = fitness.judge(declared, source, destination)
        first, following, because = _choose(source, destination, {each.engine: each for each in judged})
        priced = tuple(Priced(each, _priced(each, load)) for each in judged)
        found.append(Advice(one.name, source, destination, one.engine, first, following, because, priced))
    return tuple(found)


def _priced(judged: Judged, load: Load) -> tuple[Cost, ...]:
    return engine_cost.costs(judged.engine, load) if judged.fits is not Fits.NEVER else ()


def _choose(
    source: End, destination: End, judged: Mapping[Engine, Judged]
) -> tuple[Engine | None, Engine | None, str]:
    """The engine for first loads, the one for new objects, and the reason."""

    def fits(engine: Engine, *what: Fits) -> bool:
        return judged[engine].fits in (Fits.ALWAYS, *what)

    own = Engine.FERRYLINE if fits(Engine.FERRYLINE) else None
    loads = fits(Engine.DATASYNC, Fits.FIRST_LOAD)
    outside = [one.label for one in (source, destination) if not one.in_aws]
    if own is None and not loads:
        return None, None, "no engine takes these options together"
    if outside:
        return own, own, f"{' and '.join(outside)} is outside AWS, where Ferryline needs no agent and proves"
    if fits(Engine.S3_REPLICATION, Fits.NEW_OBJECTS):
        because = (
            f"S3 copies new objects by itself, within a promised time, and never older ones; {TWO_WRITERS}"
        )
        return (Engine.DATASYNC if loads else own), Engine.S3_REPLICATION, because
    if Nature.AWS_FILES in (source.nature, destination.nature) and loads:
        if fits(Engine.DATASYNC):
            return (
                Engine.DATASYNC,
                Engine.DATASYNC,
                "DataSync reaches the file system without a host of yours",
            )
        because = f"DataSync reaches the file system, but not as often as the schedule asks; {TWO_WRITERS}"
        return Engine.DATASYNC, own, because
    because = "S3 replication cannot do it as declared; Ferryline has no price per GB and no floor of an hour"
    if own is not None:
        return (Engine.DATASYNC if loads else own), own, f"{because}; {TWO_WRITERS}" if loads else because
    return (
        Engine.DATASYNC,
        Engine.DATASYNC if fits(Engine.DATASYNC) else None,
        "only DataSync takes these options",
    )


def document(dataset: str, size_bytes: int, advice: tuple[Advice, ...]) -> Mapping[str, Any]:
    """The advice as a JSON document."""
    return {
        "schema": SCHEMA,
        "status": "SUCCESS",
        "exit_code": 0,
        "dataset": dataset,
        "bytes": size_bytes,
        "replicas": [_replica(one) for one in advice],
        "left_out": list(engine_cost.LEFT_OUT),
    }


def _replica(one: Advice) -> Mapping[str, Any]:
    return {
        "replica": one.replica,
        "source": one.source.label,
        "destination": one.destination.label,
        "regions": [one.source.region, one.destination.region],
        "declared": one.declared.value,
        "first_load": one.first_load.value if one.first_load else None,
        "new_objects": one.new_objects.value if one.new_objects else None,
        "because": one.because,
        "engines": [_engine(each) for each in one.engines],
    }


def _engine(one: Priced) -> Mapping[str, Any]:
    usd, whole = engine_cost.total(one.costs)
    return {
        "engine": one.judged.engine.value,
        "fits": one.judged.fits.value,
        "why": list(one.judged.why),
        "lag": one.judged.lag,
        "usd": usd if one.costs else None,
        "usd_is_whole": whole and bool(one.costs),
        "costs": [
            {"what": cost.what, "usd": cost.usd, "note": cost.note, "source": cost.source}
            for cost in one.costs
        ],
    }

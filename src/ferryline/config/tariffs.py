"""What places ask for, out of the policy: a `Location` to the tariff that an estimate is made by.

`plan` and `sync` call it. It looks nothing up beyond the policy: a bucket's region is the declared one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ferryline import errors
from ferryline.config import environment
from ferryline.model import place
from ferryline.pipeline.dataset import DatasetTask, Replica
from ferryline.pipeline.forecast import Leg
from ferryline.pipeline.planning import Pricing
from ferryline.pipeline.task import Task
from ferryline.plan import ends, engine_cost
from ferryline.plan.cost import Estimate, Network, Tariff, Way
from ferryline.policy import endpoint, options, values
from ferryline.policy.interpolation import Sources
from ferryline.policy.options import Engine
from ferryline.regions import catalog

Service = Callable[[int], Estimate]
"""What a service asks for so many bytes."""

RUN_IN = "FERRYLINE_REGION"
"""The variable that says in which region this process runs."""


@dataclass(frozen=True, slots=True)
class Told:
    """What only the person who asks can tell: where the process runs, and a rate to reckon with."""

    run_in: str | None = None
    assume_bytes_per_second: str | int | None = None

    def placed(self, policy: values.Policy | None, around: environment.Environment) -> "Told":
        """With `FERRYLINE_REGION` where no `--run-in` was given.

        Raises BadUsage for a `run_in` that neither the catalog nor the policy knows. The variable says where
        a whole host is, perhaps by a name of its owner's: then no price is known, and nothing is refused.
        """
        declared = policy.regions if policy is not None else {}
        if self.run_in and not catalog.is_known(self.run_in, declared):
            close = catalog.nearest(self.run_in, declared)
            raise errors.BadUsage(
                f"--run-in: no region is called {self.run_in[:60]!r}",
                advice=f"did you mean {close}?"
                if close
                else "name an AWS region, or declare it in `regions`",
            )
        return replace(self, run_in=self.run_in or around.variables.get(RUN_IN) or None)

    @property
    def rate(self) -> int | None:
        """The rate in bytes a second. Raises BadUsage."""
        if self.assume_bytes_per_second is None:
            return None
        try:
            rate = options.bytes_per_second(self.assume_bytes_per_second)
        except ValueError as problem:
            message, _, remedy = str(problem).partition("|")
            raise errors.BadUsage(f"--assume-bytes-per-second: {message}", advice=remedy) from problem
        if rate == options.UNLIMITED:
            raise errors.BadUsage(
                "--assume-bytes-per-second: no rate was given", advice="write a rate such as 100MiB"
            )
        return rate


def pricing(policy: values.Policy | None, task: Task, told: Told, max_usd: float | None = None) -> Pricing:
    """What a plan of `task` is priced by. Raises BadUsage for a rate that is none."""
    there = way(policy, task.source, task.destinations[0], told.run_in)
    return Pricing(there, max_usd, told.rate)


def way(
    policy: values.Policy | None, source: place.Location, destination: place.Location, through: str | None
) -> Way:
    """From where to where, and through which region, with what each place asks for."""
    passing = region_tariff(policy, through) if through is not None else None
    return Way(tariff(policy, source), tariff(policy, destination), passing)


def tariff(policy: values.Policy | None, where: place.Location) -> Tariff:
    """What a place asks for; its own prices first, then those of its region."""
    spec = policy.locations.get(where.name) if policy is not None and where.name else None
    region = spec.region if spec is not None else None
    network = Network.LOCAL
    if isinstance(where, place.S3Location):
        region = region or where.access.region
        on_aws = endpoint.identity(where.access.endpoint_url) == "aws"
        network = Network.AWS if on_aws else Network.OTHER
    else:
        region = region or where.region
    there = policy.regions.get(region or "") if policy is not None else None
    egress = spec.egress_usd_per_gb if spec is not None else None
    field = egress_field = f"locations.{spec.name}" if spec is not None else "locations.NAME"
    if egress is None and there is not None and there.egress_usd_per_gb is not None:
        egress, egress_field = there.egress_usd_per_gb, f"regions.{there.name}"
    asked = spec.requests_usd_per_thousand if spec is not None else values.RequestPrices()
    return Tariff(
        place=where.url,
        network=network,
        region=region,
        egress_usd_per_gb=egress,
        writes_usd_per_thousand=asked.writes,
        reads_usd_per_thousand=asked.reads,
        field=field,
        egress_field=egress_field,
    )


def region_tariff(policy: values.Policy | None, region: str) -> Tariff:
    """What it costs when bytes leave a region that they only pass through."""
    spec = policy.regions.get(region) if policy is not None else None
    return Tariff(
        place=region,
        network=Network.PROCESS,
        region=region,
        egress_usd_per_gb=spec.egress_usd_per_gb if spec is not None else None,
        field=f"regions.{region}",
    )


def legs(dataset: DatasetTask, told: Told, sources: Sources, only: str | None = None) -> tuple[Leg, ...]:
    """Each replica of a dataset (or the one named) as a task of its own, with its prices. Raises BadUsage."""
    replicas = dataset.replicas if only is None else (dataset.replica(only),)
    asked = services(dataset, sources)
    return tuple(_leg(dataset, one, told, asked.get(one.name)) for one in replicas)


def ways(dataset: DatasetTask, told: Told) -> dict[str, Way]:
    """The way to each replica of a dataset, by the replica's name."""
    policy, source = dataset.declared, dataset.source
    return {one.name: way(policy, source, one.location, told.run_in) for one in dataset.replicas}


def shelf(dataset: DatasetTask) -> Tariff | None:
    """What the place of a dataset's `metadata` asks for; None where snapshots lie beside the objects."""
    apart = next((one.metadata for one in dataset.replicas if one.metadata is not None), None)
    return None if apart is None else tariff(dataset.declared, apart)


def services(dataset: DatasetTask, sources: Sources) -> dict[str, Service]:
    """What the services ask that move bytes in Ferryline's stead, by the replica's name."""
    return {
        one.name: _service(dataset, one, sources)
        for one in dataset.replicas
        if one.engine is not Engine.FERRYLINE
    }


def _service(dataset: DatasetTask, replica: Replica, sources: Sources) -> Service:
    policy = dataset.declared
    declared = policy.dataset(dataset.dataset)
    source = ends.end_of(policy, declared.source, sources)
    destination = ends.end_of(policy, declared.replica(replica.name).to, sources)

    def asked(size_bytes: int) -> Estimate:
        return engine_cost.estimate(
            replica.engine, engine_cost.Load(declared, source, destination, size_bytes)
        )

    return asked


def _leg(dataset: DatasetTask, replica: Replica, told: Told, service: Service | None) -> Leg:
    task = dataset.leg(replica)
    reads = service is not None and dataset.once_brought is values.OnUnknown.READ_BACK
    priced = pricing(dataset.declared, task, told)
    return Leg(replica, task, replace(priced, service=service, reads_unknown=reads))

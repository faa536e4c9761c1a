"""Every place of a dataset is a stop."""

from ferryline.policy import values
from ferryline.residency.decide import Role, Stop
from ferryline.residency.stops import Seen, bounds_of, stops_of

POLICY = values.Policy(
    locations={
        "us": values.LocationSpec("us", "s3://a", region="us-east-1"),
        "eu": values.LocationSpec("eu", "s3://b", region="eu-central-1"),
        "nas": values.LocationSpec("nas", "file:///n"),
    },
    datasets={
        "d": values.Dataset(
            "d",
            values.Folder("us", "d/"),
            replicas=(
                values.ReplicaSpec("eu", values.Folder("eu", "d/")),
                values.ReplicaSpec("nas", values.Folder("nas")),
            ),
            metadata=values.Folder("eu", "meta/"),
            residency=values.Residency(("EU", "US")),
        )
    },
)


def test_source_replicas_metadata_and_transit_are_stops():
    stops = stops_of(POLICY, "d", Seen({"eu": "eu-west-1"}, run_in="us-west-2"))

    assert stops == (
        Stop("us/d/", Role.SOURCE, "us-east-1"),
        Stop("eu/d/", Role.REPLICA, "eu-central-1", "eu-west-1"),
        Stop("nas/", Role.REPLICA),
        Stop("eu/meta/", Role.METADATA, "eu-central-1", "eu-west-1"),
        Stop("this process", Role.TRANSIT, "us-west-2"),
    )


def test_nothing_passes_through_us_when_the_stores_copy_between_themselves():
    assert Role.TRANSIT not in {one.role for one in stops_of(POLICY, "d", Seen(passes=False))}


def test_bounds_are_the_datasets_rules():
    assert bounds_of(POLICY, "d").rules.allow == ("EU", "US")

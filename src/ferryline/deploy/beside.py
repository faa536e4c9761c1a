"""What stands beside the copies: reports, log groups, topics, tags, the account. Refused when they cannot be.

`checking` and `datasync_task` call it before the first resource. Pure; an Output is not known yet and
is left to AWS.
"""

from collections.abc import Mapping, Sequence

from ferryline.deploy import describing, geography
from ferryline.deploy.args_task import ReportArgs, WatchingArgs
from ferryline.deploy.refusals import Refusals
from ferryline.deploy.site import Kind, is_subdirectory

TAGS_MAX = 50
TAG_KEY_MAX = 128
TAG_VALUE_MAX = 256

RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""The only days that CloudWatch Logs takes (API reference, PutRetentionPolicy)."""


def check_report(
    report: ReportArgs | None, destination: str, opted_in: Sequence[str], refusals: Refusals
) -> None:
    """Refuse a report bucket that AWS does not have there, or that the task's region cannot reach."""
    if report is None:
        return
    if geography.check_region(report.region, "report.region", opted_in, refusals):
        geography.check_partitions(
            (("destination.region", destination), ("report.region", report.region)), refusals
        )
    expected = geography.Expected(("s3",), report.region)
    geography.check_bucket(report.bucket_arn, "report.bucket_arn", expected, refusals)
    if report.prefix is not None and not is_subdirectory(describing.folder(report.prefix), Kind.S3):
        remedy = "use letters, digits and _-+./() only"
        refusals.add("report.prefix", f"DataSync takes no Subdirectory {report.prefix!r}", remedy)


def check_watching(watching: WatchingArgs | None, refusals: Refusals) -> None:
    """Refuse topics and log groups of another region than they are given for, and days nobody offers."""
    if watching is None:
        return
    given = (("topic_arns", watching.topic_arns, "sns"), ("log_group_arns", watching.log_group_arns, "logs"))
    for field, arns, service in given:
        for region, arn in (arns or {}).items():
            name = f"watching.{field}.{region}"
            if geography.check_region(region, name, (region,), refusals):
                geography.check_arn(arn, name, geography.Expected((service,), region), refusals)
    check_retention(watching.log_retention_days, "watching.log_retention_days", refusals)


def check_retention(days: int | None, name: str, refusals: Refusals) -> None:
    """Refuse days that CloudWatch Logs does not offer; the remedy is the next longer time that it does."""
    if days is not None and days not in RETENTION_DAYS:
        close = min(RETENTION_DAYS, key=lambda one: (one < days, abs(one - days)))
        refusals.add(name, f"CloudWatch keeps no logs for {days} days", f"write {close}")


def check_tags(tags: Mapping[str, str] | None, refusals: Refusals) -> None:
    """Refuse tags that AWS does not take."""
    if len(tags or {}) > TAGS_MAX:
        refusals.add("tags", f"{len(tags or {})} tags", f"AWS takes {TAGS_MAX}")
    for key, value in (tags or {}).items():
        if key.lower().startswith("aws:"):
            refusals.add("tags", f"{key!r} is AWS's own", "use a name without aws: before it")
        if not 1 <= len(key) <= TAG_KEY_MAX or len(value) > TAG_VALUE_MAX:
            remedy = f"names have 1 to {TAG_KEY_MAX} characters, values at most {TAG_VALUE_MAX}"
            refusals.add("tags", f"{key[:40]!r} is too long, or its value is", remedy)


def check_account(account: object, refusals: Refusals) -> None:
    """Refuse an account that is none."""
    if isinstance(account, str) and not (account.isdecimal() and account.isascii() and len(account) == 12):
        refusals.add("account_id", f"{account[:40]!r} is no account", "write twelve digits, as text")

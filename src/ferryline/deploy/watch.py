"""`Watch`: who is told about the tasks of one region, and after how long without success.

DataSync has no metric for failures or lag, so both come from its events: a rule for failed executions
of all tasks, and a rule for the successes of each one. CloudWatch counts how often a rule matched; an
alarm on that count, to which missing data breaches, is an alarm on the age of the last success. It
also covers a schedule that the service disabled unseen. Events are best effort, so a missed one can
raise an alarm early and never hide a failure for good. `Replication` makes one for each region.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from ferryline.deploy import arguments, beside, documents, geography, naming, timing
from ferryline.deploy.access import account_of
from ferryline.deploy.refusals import Refusals


@dataclass(frozen=True, kw_only=True)
class WatchArgs:
    """The tasks of one region, and who is told."""

    region: str
    """The region of the tasks."""
    tasks: Mapping[str, pulumi.Input[str]]
    """The tasks' ARNs by name."""
    max_age_hours: int | None = None
    """Hours without a success before the alarm, at most 168; no such alarm when left out."""
    topic_arn: pulumi.Input[str] | None = None
    """An SNS topic of this region, open to EventBridge and CloudWatch; one is made when left out."""
    account_id: pulumi.Input[str] | None = None
    """The program's account; asked for when left out."""
    tags: Mapping[str, str] | None = None
    """Tags of rules, alarms and topics."""


class Watch(pulumi.ComponentResource):
    """Rules for failed and successful executions, alarms on the age of the last success, their topics."""

    topic_arn: pulumi.Output[str]
    """Where failures and alarms go."""
    success_topic_arn: pulumi.Output[str]
    """Where successes go: for jobs that wait for one. Nobody is subscribed."""
    alarm_arns: pulumi.Output[Mapping[str, str]]
    """The alarm of each task, by name; empty without max_age_hours."""

    def __init__(self, name: str, args: WatchArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        refusals = Refusals(f"Watch {name!r}")
        args = arguments.read(WatchArgs, args, refusals)
        geography.check_region(args.region, "region", (args.region,), refusals)
        hours = args.max_age_hours
        if hours is not None and not 1 <= hours <= timing.ALARM_HOURS_MAX:
            remedy = (
                f"CloudWatch looks back at most {timing.ALARM_HOURS_MAX} hours; leave it out for rarer runs"
            )
            refusals.add("max_age_hours", f"{hours} hours", remedy)
        geography.check_arn(args.topic_arn, "topic_arn", geography.Expected(("sns",), args.region), refusals)
        for label, task_arn in args.tasks.items():
            expected = geography.Expected(("datasync",), args.region)
            geography.check_arn(task_arn, f"tasks.{label}", expected, refusals)
        beside.check_account(args.account_id, refusals)
        beside.check_tags(args.tags, refusals)
        refusals.stop()
        super().__init__("ferryline:index:Watch", name, None, opts)
        self._watched = args
        self._inside = pulumi.ResourceOptions(parent=self)
        account = account_of(args.account_id, self)
        self.topic_arn = (
            pulumi.Output.from_input(args.topic_arn)
            if args.topic_arn is not None
            else self._topic(f"{name}-alarms", account)
        )
        self.success_topic_arn = self._topic(f"{name}-successes", account)
        tasks = pulumi.Output.all(*args.tasks.values())
        self._rule(f"{name}-failed", tasks.apply(lambda arns: pattern("ERROR", arns)), self.topic_arn)
        alarms: dict[str, pulumi.Output[str]] = {}
        for label, task_arn in args.tasks.items():
            matching = pulumi.Output.from_input(task_arn).apply(lambda arn: pattern("SUCCESS", [arn]))
            rule = self._rule(f"{name}-{label}-succeeded", matching, self.success_topic_arn)
            if hours is not None:
                alarms[label] = self._alarm(f"{name}-{label}-stale", rule.name, hours)
        self.alarm_arns = pulumi.Output.all(**alarms).apply(dict)
        self.register_outputs(
            {
                "topic_arn": self.topic_arn,
                "success_topic_arn": self.success_topic_arn,
                "alarm_arns": self.alarm_arns,
            }
        )

    def _topic(self, name: str, account: pulumi.Input[str]) -> pulumi.Output[str]:
        """A topic's ARN, known once its policy lets the services publish."""
        made = aws.sns.Topic(name, region=self._watched.region, tags=self._watched.tags, opts=self._inside)
        policy = aws.sns.TopicPolicy(
            name,
            region=self._watched.region,
            arn=made.arn,
            policy=pulumi.Output.all(made.arn, account).apply(
                lambda known: documents.topic(known[0], known[1])
            ),
            opts=self._inside,
        )
        return pulumi.Output.all(made.arn, policy.id).apply(lambda known: str(known[0]))

    def _rule(
        self, name: str, matching: pulumi.Output[str], topic_arn: pulumi.Output[str]
    ) -> aws.cloudwatch.EventRule:
        name = naming.fit(name)
        rule = aws.cloudwatch.EventRule(
            name,
            region=self._watched.region,
            event_pattern=matching,
            tags=self._watched.tags,
            opts=self._inside,
        )
        aws.cloudwatch.EventTarget(
            name, region=self._watched.region, rule=rule.name, arn=topic_arn, opts=self._inside
        )
        return rule

    def _alarm(self, name: str, rule_name: pulumi.Output[str], hours: int) -> pulumi.Output[str]:
        return aws.cloudwatch.MetricAlarm(
            name,
            region=self._watched.region,
            alarm_description=f"No successful DataSync execution for {hours} hours (made by Ferryline)",
            namespace="AWS/Events",
            metric_name="TriggeredRules",
            dimensions={"RuleName": rule_name},
            statistic="Sum",
            period=timing.HOUR_SECONDS,
            evaluation_periods=hours,
            datapoints_to_alarm=hours,
            comparison_operator="LessThanThreshold",
            threshold=1,
            treat_missing_data="breaching",
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            tags=self._watched.tags,
            opts=self._inside,
        ).arn


def pattern(state: str, task_arns: list[Any]) -> str:
    """The event pattern for executions of these tasks that reached a state."""
    return json.dumps(
        {
            "source": ["aws.datasync"],
            "detail-type": ["DataSync Task Execution State Change"],
            "resources": [{"prefix": f"{arn}/execution/"} for arn in sorted(task_arns)],
            "detail": {"State": [state]},
        },
        sort_keys=True,
    )

"""Started by Pulumi for a policy pack: every resource of a stack is held against `pack_rules`.

Configuration of the policy `ferryline`: `allow` and `deny` (lists of jurisdictions, as in a policy
file) and `defaultRegion`. Needs the extra `[deploy]`.
"""

from typing import Any

import pulumi_policy

from ferryline.deploy import pack_rules
from ferryline.policy.values import Residency


def validate(args: Any, report: Any) -> None:
    """Report every violation of one resource."""
    config = args.get_config()
    allow = config.get("allow")
    rules = pack_rules.Rules(
        Residency(tuple(allow) if allow else None, tuple(config.get("deny") or ())),
        config.get("defaultRegion"),
    )
    for violation in pack_rules.violations(args.resource_type, args.props, rules):
        report(violation)


def pack() -> pulumi_policy.PolicyPack:
    """The pack, registered with Pulumi by being made."""
    codes = {"type": "array", "items": {"type": "string"}}
    policy = pulumi_policy.ResourceValidationPolicy(
        name="ferryline",
        description="Bytes stay where residency allows; DataSync tasks are such as AWS takes, and are heard.",
        enforcement_level=pulumi_policy.EnforcementLevel.MANDATORY,
        config_schema=pulumi_policy.PolicyConfigSchema(
            properties={"allow": codes, "deny": codes, "defaultRegion": {"type": "string"}}
        ),
        validate=validate,
    )
    return pulumi_policy.PolicyPack("ferryline", policies=[policy])


if __name__ == "__main__":
    pack()

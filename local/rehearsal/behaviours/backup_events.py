"""What AWS Backup says of its jobs (developer guide, "Monitoring AWS Backup events using Amazon EventBridge")."""

from __future__ import annotations

from typing import Any

from behaviour import Answer, Unknown

# The same page, and "AWS Backup metrics with Amazon CloudWatch": every five minutes, the events in a best effort.
SAID = 300
TYPES = {
    "dynamodb:table": "DynamoDB",
    "ec2:instance": "EC2",
    "ec2:volume": "EBS",
    "elasticfilesystem": "EFS",
    "rds:cluster": "Aurora",
    "rds:db": "RDS",
    "s3": "S3",
}
TOLD = (
    *("BackupJobId", "BackupVaultArn", "BackupVaultName", "CreationDate", "IamRoleArn", "ResourceArn", "ResourceType"),
    *("State", "StatusMessage", "CompletionDate", "StartBy", "PercentDone", "CreatedBy"),
)


def resource_type(arn: str) -> str:
    """The type as AWS Backup names it (API reference, ListBackupJobs), of what this is rehearsed with."""
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    kind = f"{service}:{resource.replace('/', ':').split(':')[0]}"
    if service not in TYPES and kind not in TYPES:
        raise Unknown(f"backups of {arn}")
    return TYPES.get(service) or TYPES[kind]


def event_of(shown: Answer) -> tuple[dict[str, Any], list[str]]:
    """The detail and the resources of a job's event: names begin small, and only a state with a message has one."""
    detail = {key[0].lower() + key[1:]: shown[key] for key in TOLD if key in shown}
    detail.update(bytesTransferred=str(shown["BytesTransferred"]), percentDone=float(shown["PercentDone"]))
    if "createdBy" in detail:
        detail["createdBy"] = {key[0].lower() + key[1:]: value for key, value in detail["createdBy"].items()}
    resources = [shown["RecoveryPointArn"]] if shown["State"] == "COMPLETED" else []
    return detail, resources

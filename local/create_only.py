"""Properties whose change replaces a resource, of the types for which ministack has no such table."""

from __future__ import annotations

# Create-only properties by resource type (CloudFormation registry schemas, us-east-1, 2026-11).
CREATE_ONLY: dict[str, tuple[str, ...]] = {
    "AWS::ARCZonalShift::ZonalAutoshiftConfiguration": ("ResourceIdentifier",),
    "AWS::AutoScaling::ScalingPolicy": ("AutoScalingGroupName",),
    "AWS::Backup::RestoreTestingPlan": ("RestoreTestingPlanName",),
    "AWS::Backup::RestoreTestingSelection": (
        "ProtectedResourceType",
        "RestoreTestingPlanName",
        "RestoreTestingSelectionName",
    ),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::CloudWatch::AlarmMuteRule": ("Name",),
    "AWS::CloudWatch::CompositeAlarm": ("AlarmName",),
    "AWS::CodeDeploy::Application": ("ApplicationName", "ComputePlatform"),
    "AWS::CodeDeploy::DeploymentGroup": ("ApplicationName", "DeploymentGroupName"),
    "AWS::EC2::EIP": ("Address", "IpamPoolId", "NetworkBorderGroup", "TransferAddress"),
    "AWS::EC2::NatGateway": ("AvailabilityMode", "ConnectivityType", "PrivateIpAddress", "SubnetId", "VpcId"),
    "AWS::Events::Rule": ("Name",),
    "AWS::KMS::Alias": ("AliasName",),
    "AWS::KMS::Key": (),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::Logs::MetricFilter": ("FilterName", "LogGroupName"),
    "AWS::Logs::ResourcePolicy": ("PolicyName",),
    "AWS::ObservabilityAdmin::TelemetryEnrichment": ("Scope",),
    "AWS::Pipes::Pipe": ("Name", "Source"),
    "AWS::Route53::HealthCheck": (),  # three members of HealthCheckConfig are; the table knows whole properties only
    "AWS::Route53::RecordSet": ("HostedZoneId", "HostedZoneName"),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::S3::BucketPolicy": ("Bucket",),
    "AWS::Scheduler::Schedule": ("Name",),
    "AWS::SNS::Subscription": ("Endpoint", "Protocol", "TopicArn"),
    "AWS::SNS::TopicPolicy": (),
    "AWS::SQS::QueuePolicy": (),
    "AWS::SSM::Association": ("InstanceId",),
    "AWS::SSM::Document": ("DocumentType", "Name"),
    "AWS::SSM::PatchBaseline": ("OperatingSystem",),
    "AWS::SSM::ServiceSetting": ("SettingId",),
    "AWS::StepFunctions::StateMachineAlias": ("Name",),
    "AWS::StepFunctions::StateMachineVersion": ("Description", "StateMachineArn", "StateMachineRevisionId"),
}

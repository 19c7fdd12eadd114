"""A small template with one right state machine, of which the tests break one part at a time."""

from __future__ import annotations

import textwrap

import check_machines
import templates

EXAMPLE = """
    Resources:
      Ledger:
        Type: AWS::DynamoDB::Table
        Properties:
          TableName: ledger
          KeySchema: [{AttributeName: pk, KeyType: HASH}, {AttributeName: sk, KeyType: RANGE}]
          GlobalSecondaryIndexes: [{IndexName: by-day, KeySchema: [{AttributeName: day, KeyType: HASH}]}]
      Key:
        Type: AWS::KMS::Key
        Properties:
          KeyPolicy:
            Statement:
              - Sid: Root
                Effect: Allow
                Principal: {AWS: !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
                Action: kms:*
                Resource: "*"
              - Sid: Alarms
                Effect: Allow
                Principal: {Service: cloudwatch.amazonaws.com}
                Action: [kms:Decrypt, kms:GenerateDataKey*]
                Resource: "*"
                Condition: {StringEquals: {"aws:SourceAccount": !Ref "AWS::AccountId"}}
      Topic:
        Type: AWS::SNS::Topic
        Properties: {TopicName: told, KmsMasterKeyId: !Ref Key}
      Role:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Statement:
              Effect: Allow
              Principal: {Service: states.amazonaws.com}
              Action: sts:AssumeRole
              Condition: {StringEquals: {"aws:SourceAccount": !Ref "AWS::AccountId"}}
          Policies:
            - PolicyName: machine
              PolicyDocument:
                Statement:
                  - {Effect: Allow, Action: [dynamodb:GetItem, dynamodb:UpdateItem], Resource: !GetAtt Ledger.Arn}
                  - {Effect: Allow, Action: dynamodb:Query, Resource: !Sub "${Ledger.Arn}/index/by-day"}
                  - {Effect: Allow, Action: ssm:StartAutomationExecution, Resource: "arn:aws:ssm:*:*:document/heal--*"}
                  - {Effect: Allow, Action: iam:PassRole, Resource: "arn:aws:iam::*:role/heal/*"}
                  - {Effect: Allow, Action: sns:Publish, Resource: !Ref Topic}
                  - {Effect: Allow, Action: [kms:Decrypt, kms:GenerateDataKey], Resource: !GetAtt Key.Arn}
                  - {Effect: Allow, Action: cloudwatch:DescribeAlarmContributors, Resource: "*"}
                  - Effect: Allow
                    Action:
                      - logs:CreateLogDelivery
                      - logs:GetLogDelivery
                      - logs:UpdateLogDelivery
                      - logs:DeleteLogDelivery
                      - logs:ListLogDeliveries
                      - logs:PutResourcePolicy
                      - logs:DescribeResourcePolicies
                      - logs:DescribeLogGroups
                    Resource: "*"
      Machine:
        Type: AWS::StepFunctions::StateMachine
        Properties:
          RoleArn: !GetAtt Role.Arn
          LoggingConfiguration: {Level: ERROR}
          Definition:
            QueryLanguage: JSONata
            TimeoutSeconds: 900
            StartAt: Begin
            States:
              Begin:
                Type: Pass
                Assign: {id: "{% $states.input.id %}", fault: "", many: 0}
                Next: Read
              Read:
                Type: Task
                Resource: !Sub "arn:${AWS::Partition}:states:::dynamodb:getItem"
                Arguments: {TableName: !Ref Ledger, Key: {pk: {S: "{% $id %}"}, sk: {S: STATE}}, ConsistentRead: true}
                Assign: {item: "{% $states.result.Item.status.S %}"}
                TimeoutSeconds: 20
                Retry: &retry
                  - ErrorEquals: [DynamoDB.ConditionalCheckFailedException, Ssm.ParameterNotFoundException]
                    MaxAttempts: 0
                  - {ErrorEquals: [States.ALL], IntervalSeconds: 1, MaxDelaySeconds: 30, MaxAttempts: 6}
                Catch: &catch
                  - ErrorEquals: [States.ALL]
                    Assign: {fault: "{% $states.errorOutput.Error %}"}
                    Next: Failed
                Next: Decide
              Decide:
                Type: Choice
                Choices:
                  - {Condition: "{% $item = 'gone' %}", Assign: {reason: GONE}, Next: Start}
                Default: Write
              Start:
                Type: Task
                Resource: arn:aws:states:::aws-sdk:ssm:startAutomationExecution
                Arguments: {DocumentName: "{% 'heal--' & $reason %}", Parameters: {Id: ["{% $id %}"]}}
                TimeoutSeconds: 20
                Retry: *retry
                Catch:
                  - {ErrorEquals: [Ssm.AutomationDefinitionNotFoundException], Next: Failed}
                  - {ErrorEquals: [States.ALL], Next: Failed}
                Next: Over
              Write:
                Type: Task
                Resource: arn:aws:states:::dynamodb:updateItem
                Arguments:
                  TableName: ledger
                  Key: {pk: {S: "{% $id %}"}, sk: {S: STATE}}
                  ConditionExpression: "attribute_not_exists(pk) OR #ttl < :now"
                  UpdateExpression: "{% 'SET #ttl = :now' & ($many > 1 ? ', many = :many' : ' REMOVE many') %}"
                  ExpressionAttributeNames: {"#ttl": ttl}
                  ExpressionAttributeValues: >-
                    {% ($clock := $millis(); $merge([{':now': {'N': $string($clock)}},
                    $many > 1 ? {':many': {'N': '1'}} : {}])) %}
                TimeoutSeconds: "{% 20 %}"
                Retry: *retry
                Catch: *catch
                Next: List
              List:
                Type: Task
                Resource: arn:aws:states:::aws-sdk:dynamodb:query
                Arguments:
                  TableName: ledger
                  IndexName: by-day
                  KeyConditionExpression: "#day = :day"
                  ExpressionAttributeNames: {"#day": day}
                  ExpressionAttributeValues: {":day": {S: today}}
                Assign: {names: "{% [$states.result.Items[many.N = '1'].sk.S] %}"}
                TimeoutSeconds: 20
                Retry: *retry
                Catch: *catch
                Next: Each
              Each:
                Type: Map
                Items: "{% $names %}"
                ItemProcessor:
                  ProcessorConfig: {Mode: INLINE}
                  StartAt: Ask
                  States:
                    Ask:
                      Type: Task
                      Resource: arn:aws:states:::aws-sdk:cloudwatch:describeAlarmContributors
                      Arguments: "{% {'AlarmName': $states.input} %}"
                      Assign: {who: "{% $states.result.AlarmContributors[0].ContributorId %}"}
                      TimeoutSeconds: 20
                      Retry: *retry
                      Next: Tell
                    Tell:
                      Type: Task
                      Resource: arn:aws:states:::sns:publish
                      Arguments: {TopicArn: !Ref Topic, Message: {id: "{% $id & $who %}"}}
                      TimeoutSeconds: 20
                      Retry: *retry
                      End: true
                Catch: *catch
                Next: Over
              Over: {Type: Succeed}
              Failed: {Type: Fail, Error: Broken, Cause: "{% $fault %}"}
"""


def broken(*changes: tuple[str, str]) -> check_machines.Found:
    """What is found in the example after replacements, each of the first place where the text is."""
    text = EXAMPLE
    for old, new in changes:
        assert old in text, f"the example has no {old!r}"
        text = text.replace(old, new, 1)
    return check_machines.check_template(templates.parse(textwrap.dedent(text), "example"))

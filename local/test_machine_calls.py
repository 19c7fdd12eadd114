"""Shows on a small machine what the checks of calls and of DynamoDB's arguments pass, and that they fail the rest."""

from __future__ import annotations

from typing import Any

import dynamodb_expressions
import machine_calls
from test_machine_states import Case


class Calls(Case):
    """Resources, arguments, results and names of errors."""

    def test_resource(self) -> None:
        self.some(
            "aws-sdk:ssm:startAutomation",
            "aws-sdk:ssm:beginAutomation",
            "`beginAutomationExecution` is no operation of ssm",
        )
        self.some("aws-sdk:ssm:start", "aws-sdk:ssm:Start", "`StartAutomationExecution` is no operation of ssm")
        self.some("aws-sdk:ssm:", "aws-sdk:simplesystems:", "botocore has no service `simplesystems`")
        self.some("aws-sdk:ssm:", "aws-sdk:stepfunctions:", "spells this service `sfn`, not `stepfunctions`")
        self.some(
            "states:::dynamodb:updateItem", "states:::dynamodb:query", "`dynamodb:query` is no optimized integration"
        )
        self.some(
            "states:::sns:publish", "states:::sns:publish.waitForTaskToken", "checks what `.waitForTaskToken` needs"
        )
        self.some("arn:aws:states:::sns:publish", "arn:aws:lambda:eu-west-1:1:function:f", "is no API call")

    def test_names_of_services(self) -> None:
        for spelled, prefix in (
            ("dynamodb", "DynamoDb"),
            ("sfn", "Sfn"),
            ("cloudwatchlogs", "CloudWatchLogs"),
            ("ec2", "Ec2"),
        ):
            self.assertEqual(prefix, machine_calls.sdk_prefix(machine_calls.sdk_service(spelled)))
        for name in machine_calls.BOTOCORE_NAMES:
            machine_calls.sdk_service(name)
        for name, _, actions in machine_calls.OPTIMIZED.values():
            known = machine_calls.service_model(name).operation_names
            self.assertEqual(set(), {action[0].upper() + action[1:] for action in actions} - set(known))

    def test_arguments(self) -> None:
        self.found("ConsistentRead: true", "Consistent: true", "state Read: GetItem has no member `Consistent`")
        self.found("ConsistentRead: true", "ConsistentRead: 1", "GetItem.ConsistentRead: `1` is no boolean")
        self.found("ConsistentRead: true", "ReturnConsumedCapacity: ALL", "`ALL` is none of INDEXES, TOTAL, NONE")
        self.found('{Id: ["{% $id %}"]}', "{Id: one}", "StartAutomationExecution.Parameters.Id: not a list")
        self.found("{S: STATE}}, Cons", "{T: STATE}}, Cons", "GetItem.Key.sk has no member `T`")
        self.found("DocumentName: \"{% 'heal--' & $reason %}\", ", "", "lacks its required member `DocumentName`")
        self.found('{pk: {S: "{% $id %}"}, sk: {S: STATE}}, Cons', "[], Cons", "GetItem.Key: not a mapping")

    def test_arguments_that_may_be_any_json(self) -> None:
        self.found("states:::sns:publish", "states:::aws-sdk:sns:publish", "Publish.Message: `{'id'")

    def test_capitals(self) -> None:
        problems = machine_calls.check_members(
            {"StateMachineArn": "{% $id %}", "Input": {"a": 1}, "name": "x"},
            machine_calls.service_model("stepfunctions").operation_model("StartExecution").input_shape,
            "StartExecution",
            True,
        )
        self.assertEqual(["StartExecution has no member `name`"], list(problems))

    def test_results(self) -> None:
        self.found(
            "$states.result.Item.status.S", "$states.result.Items", "state Read: Assign.item: $states.result.Items: the"
        )
        self.found("$states.result.Item.status.S", "$states.result.Item.status.T", "the answer of GetItem has no `T`")
        self.found("'1'].sk.S]", "'1'].sk.S.x]", "the answer of Query has no `x`")

    def test_errors(self) -> None:
        catch = "Ssm.AutomationDefinitionNotFoundException"
        self.found(catch, "Ssm.AutomationDefinitionMissing", "Catch[0]: ssm has no error `AutomationDefinitionMissing`")
        self.found(catch, "DynamoDb.ResourceNotFoundException", "Catch[0]: errors of this call begin with `Ssm.`")
        self.found(catch, "Ssm.AccessDeniedException")
        self.some(
            "Ssm.ParameterNotFoundException",
            "Ssm.ParameterLostException",
            "Retry[0]: ssm has no error `ParameterLostException`",
        )
        self.some("Ssm.ParameterNotFoundException", "Smm.ParameterNotFound", "is an error of no service that is called")


class DynamoDb(Case):
    """Placeholders, reserved words, keys and indexes."""

    def test_reserved_words(self) -> None:
        words = dynamodb_expressions.reserved_words()
        self.assertEqual(573, len(words))
        self.assertLessEqual({"ABORT", "STATUS", "TTL", "ZONE"}, words)

    def test_bare_reserved_words(self) -> None:
        self.found(
            "attribute_not_exists(pk)", "attribute_not_exists(name)", "ConditionExpression: `name` is a reserved word"
        )
        self.found(
            "'SET #ttl = :now'", "'SET #ttl = :now, status = :now'", "UpdateExpression: `status` is a reserved word"
        )
        self.found("' REMOVE many')", "' REMOVE many, Data')", "UpdateExpression: `Data` is a reserved word")
        self.found(
            "attribute_not_exists(pk) OR", "attribute_not_exists(pk) OR size = :now OR", "`size` is a reserved word"
        )
        self.found(
            "attribute_not_exists(pk) OR",
            "attribute_not_exists(pk) ADD",
            "ConditionExpression: `ADD` is a reserved word",
        )

    def test_functions(self) -> None:
        self.found("attribute_not_exists(pk)", "attribute_missing(pk)", "there is no function `attribute_missing`")
        self.found("attribute_not_exists(pk)", "size (pk) > :now")

    def test_placeholders_that_are_not_defined(self) -> None:
        self.found("#ttl < :now", "#ttl < :then", "state Write: `:then` is not in ExpressionAttributeValues")
        self.found("#ttl < :now", "#tll < :now", "`#tll` is not in ExpressionAttributeNames")
        self.found("{':many': {'N': '1'}}", "{}", "`:many` is not in ExpressionAttributeValues")

    def test_placeholders_that_are_not_used(self) -> None:
        self.found(
            '{":day": {S: today}}',
            '{":day": {S: today}, ":x": {S: y}}',
            "ExpressionAttributeValues: `:x` is in no expression",
        )
        self.found('{"#ttl": ttl}', '{"#ttl": ttl, "#x": y}', "ExpressionAttributeNames: `#x` is in no expression")
        self.found("{':many': {'N': '1'}}", "{':many': {'N': '1'}, ':x': {'N': '1'}}", "`:x` is in no expression")

    def test_expression_that_is_not_known(self) -> None:
        self.found("{% 'SET #ttl = :now' & ($many > 1 ? ', many = :many' : ' REMOVE many') %}", "{% $id %}")

    def test_table(self) -> None:
        self.some("TableName: !Ref Ledger", "TableName: ledgers", "state Read: table `ledgers` is not in this template")
        self.some(
            "                  IndexName: by-day",
            "                  IndexName: by-night",
            "table `ledger` has no index `by-night`",
        )
        self.found(
            "sk: {S: STATE}}, Cons", "sort: {S: STATE}}, Cons", "Key has pk, sort; the key of `ledger` is pk, sk"
        )

    def test_batch_and_item(self) -> None:
        tables = {"t": {"KeySchema": [{"AttributeName": "pk"}]}}
        batch: dict[str, Any] = {"RequestItems": {"t": {"Keys": [{"pk": {}}, {"sk": {}}]}}}
        self.assertEqual(["Key has sk; the key of `t` is pk"], list(dynamodb_expressions.check_table(batch, tables)))
        item = {"TableName": "t", "Item": {"a": {}}}
        self.assertEqual(["Item lacks `pk` of the key"], list(dynamodb_expressions.check_table(item, tables)))

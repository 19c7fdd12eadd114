"""The DynamoDB operations of the guard's ledger (docs/guard.md), as its machines call them."""

from __future__ import annotations

import unittest
from typing import Any

from local_case import LocalCase

FAILED = "DynamoDB.ConditionalCheckFailedException"
KEY = {"pk": {"S": "RES#ec2:instance/i-0abc"}, "sk": {"S": "STATE"}}

# The lease's condition and update.
LEASE = (
    "(attribute_not_exists(leaseUntil) OR leaseUntil < :now) AND (attribute_not_exists(#cd) OR #cd <= :now)"
    " AND (attribute_not_exists(#last) OR #last = :last)"
    " AND (attribute_not_exists(#win) OR (#win = :win AND #att = :att))"
)
TAKE = (
    "SET leaseUntil = :until, leaseHolder = :me, undoCd = :cd0, undoAtt = :att,"
    " #cd = :cd1, #last = :until, #att = :att1, #win = :win1"
)
UNDO = "SET #cd = undoCd, #att = undoAtt, #last = :now REMOVE leaseUntil, leaseHolder, undoCd, undoAtt"
NAMES = {"#cd": "cd#web/ec2", "#last": "last#web/ec2", "#win": "win#web/ec2", "#att": "att#web/ec2"}


def numbers(**values: int) -> dict[str, Any]:
    """Expression values of type N."""
    return {f":{name}": {"N": str(value)} for name, value in values.items()}


class Ledger(LocalCase):
    """One table with the ledger's keys and one of its indexes."""

    def setUp(self) -> None:
        super().setUp()
        attributes = [
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in (("pk", "S"), ("sk", "S"), ("open", "S"), ("deadline", "N"))
        ]
        index = {
            "IndexName": "by-deadline",
            "KeySchema": [
                {"AttributeName": "open", "KeyType": "HASH"},
                {"AttributeName": "deadline", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
        properties = {
            "TableName": "ledger",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": attributes,
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "GlobalSecondaryIndexes": [index],
        }
        self.deploy({"Table": {"Type": "AWS::DynamoDB::Table", "Properties": properties}})

    def update(
        self, expression: str, key: Any = KEY, condition: str | None = None, values: Any = None, names: Any = None
    ) -> str | None:
        """`dynamodb:updateItem`; the error's name, or None."""
        arguments = {"TableName": "ledger", "Key": key, "UpdateExpression": expression}
        for name, given in (
            ("ConditionExpression", condition),
            ("ExpressionAttributeValues", values),
            ("ExpressionAttributeNames", names),
        ):
            if given:
                arguments[name] = given
        error: str | None = self.call("dynamodb:updateItem", arguments)["error"]
        return error

    def item(self, key: Any = KEY) -> dict[str, Any]:
        """`dynamodb:getItem`."""
        answer = self.call("dynamodb:getItem", {"TableName": "ledger", "Key": key, "ConsistentRead": True})["output"]
        found: dict[str, Any] = answer.get("Item", {})
        return found

    def lease(self, now: int, until: int, last: int = 0, win: int = 0, att: int = 0) -> str | None:
        """Takes the lease."""
        values = numbers(
            now=now, until=until, last=last, win=win, att=att, att1=att + 1, cd0=0, cd1=until + 60, win1=win or now
        )
        return self.update(TAKE, condition=LEASE, values={**values, ":me": {"S": "me"}}, names=NAMES)

    def test_lease_and_undo(self) -> None:
        self.assertEqual({}, self.item())
        self.assertIsNone(self.lease(100, 200), "every attribute of the condition is absent")
        self.assertEqual(FAILED, self.lease(150, 250), "leased")
        self.assertEqual(FAILED, self.lease(250, 350, last=200, win=100, att=1), "cooling down")
        undo: dict[str, Any] = {
            "condition": "leaseHolder = :me",
            "names": {name: NAMES[name] for name in ("#cd", "#att", "#last")},
        }
        self.assertEqual(FAILED, self.update(UNDO, values={**numbers(now=260), ":me": {"S": "other"}}, **undo))
        self.assertIsNone(self.update(UNDO, values={**numbers(now=260), ":me": {"S": "me"}}, **undo))
        expected = {
            **KEY,
            "cd#web/ec2": {"N": "0"},
            "att#web/ec2": {"N": "0"},
            "last#web/ec2": {"N": "260"},
            "win#web/ec2": {"N": "100"},
        }
        self.assertEqual(expected, self.item())
        self.assertEqual(FAILED, self.lease(270, 370, last=200, win=100), "what was read is not what is there")
        self.assertIsNone(self.lease(270, 370, last=260, win=100))

    def test_set_that_counts(self) -> None:
        key = {"pk": {"S": "RATE#web/ec2"}, "sk": {"S": "1"}}
        condition = "attribute_not_exists(started) OR size(started) < :max OR contains(started, :id)"

        def begin(event_id: str) -> str | None:
            values = {":id": {"S": event_id}, ":ids": {"SS": [event_id]}, **numbers(max=2)}
            return self.update("ADD started :ids", key, condition, values)

        self.assertEqual([None, None, FAILED, None], [begin(event_id) for event_id in ("a", "b", "c", "a")])
        self.assertEqual(["a", "b"], sorted(self.item(key)["started"]["SS"]))
        self.assertIsNone(self.update("DELETE started :ids", key, values={":ids": {"SS": ["a", "x"]}}))
        self.assertEqual(["b"], self.item(key)["started"]["SS"])
        self.assertIsNone(self.update("DELETE started :ids", key, values={":ids": {"SS": ["b"]}}))
        self.assertNotIn("started", self.item(key), "an empty set is no attribute")
        self.assertIsNone(begin("d"))

    def test_conditions_on_absent_attributes(self) -> None:
        key = {"pk": {"S": "EVENT#1"}, "sk": {"S": "EVENT"}}
        values = {":p": {"S": "pending"}, ":i": {"S": "in_progress"}, ":c": {"S": "completed"}}
        names = {"#status": "status"}
        for condition in (
            "#status = :p",
            "#status <> :p AND attribute_exists(#status)",
            "#status IN (:p, :i)",
            "size(#status) < :p",
        ):
            with self.subTest(condition):
                used = {name: value for name, value in values.items() if name in condition or name == ":c"}
                self.assertEqual(FAILED, self.update("SET #status = :c", key, condition, used, names))
        finish = "attribute_not_exists(#status) OR #status IN (:p, :i)"
        self.assertIsNone(self.update("SET #status = :c", key, finish, values, names))
        self.assertEqual(FAILED, self.update("SET #status = :c", key, finish, values, names))
        told = "attribute_not_exists(#told) OR #told <> :w"
        self.assertIsNone(self.update("SET #told = :w", key, told, numbers(w=1), {"#told": "told#web/ec2"}))
        self.assertEqual(FAILED, self.update("SET #told = :w", key, told, numbers(w=1), {"#told": "told#web/ec2"}))
        self.assertIsNone(self.update("SET #told = :w", key, told, numbers(w=2), {"#told": "told#web/ec2"}))

    def test_claim(self) -> None:
        arguments = {"TableName": "ledger", "Item": KEY, "ConditionExpression": "attribute_not_exists(pk)"}
        self.assertIsNone(self.call("dynamodb:putItem", arguments)["error"])
        self.assertEqual(FAILED, self.call("dynamodb:putItem", arguments)["error"])

    def test_mistakes_in_expressions(self) -> None:
        text = {"S": "x"}
        mistakes: dict[str, Any] = {
            "SET a = :missing": {":a": text},
            "SET a = :a": {":a": text, ":unused": text},
            "SET a = b": None,  # b is absent
            "ADD started :ids": {":ids": {"SS": []}},
            "SET mode = :a": {":a": text},  # a reserved word
        }
        for expression, values in mistakes.items():
            with self.subTest(expression):
                self.assertEqual("DynamoDB.AmazonDynamoDBException", self.update(expression, values=values))

    def test_batch_get(self) -> None:
        keys = [{"pk": {"S": "CONTROL"}, "sk": {"S": name}} for name in ("ALL", "web", "web/ec2")]
        for key in keys[:2]:
            self.assertIsNone(
                self.update("SET #mode = :m", key, values={":m": {"S": "pause"}}, names={"#mode": "mode"})
            )
        arguments = {"RequestItems": {"ledger": {"Keys": keys, "ConsistentRead": True}}}
        answer = self.call("aws-sdk:dynamodb:batchGetItem", arguments)["output"]
        self.assertEqual(["ALL", "web"], sorted(item["sk"]["S"] for item in answer["Responses"]["ledger"]))
        self.assertEqual({"S": "pause"}, answer["Responses"]["ledger"][0]["mode"])
        self.assertEqual({}, answer["UnprocessedKeys"])

    def test_query(self) -> None:
        for number in range(5):
            key = {"pk": {"S": f"EVENT#{number}"}, "sk": {"S": "EVENT"}}
            self.update(
                "SET #open = :o, deadline = :d",
                key,
                values={":o": {"S": "open"}, **numbers(d=number * 10)},
                names={"#open": "open"},
            )
        found: list[str] = []
        more: dict[str, Any] = {}
        for _page in range(2):
            arguments = {
                "TableName": "ledger",
                "IndexName": "by-deadline",
                "KeyConditionExpression": "#open = :o AND deadline < :d",
                "ExpressionAttributeNames": {"#open": "open"},
                "ExpressionAttributeValues": {":o": {"S": "open"}, **numbers(d=30)},
                "Limit": 2,
                **more,
            }
            answer = self.call("aws-sdk:dynamodb:query", arguments)["output"]
            found += [item["pk"]["S"] for item in answer["Items"]]
            more = {"ExclusiveStartKey": answer.get("LastEvaluatedKey")}
        self.assertEqual(["EVENT#0", "EVENT#1", "EVENT#2"], found)
        slots = {
            "TableName": "ledger",
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": {"S": "EVENT#1"}},
            "ConsistentRead": True,
        }
        self.assertEqual(1, self.call("aws-sdk:dynamodb:query", slots)["output"]["Count"])
        error = self.call("aws-sdk:dynamodb:query", {**slots, "IndexName": "by-deadline"})["error"]
        self.assertEqual("DynamoDb.DynamoDbException", error, "no consistent read of a global index")

    def test_transaction(self) -> None:
        put = {"Put": {"TableName": "ledger", "Item": KEY, "ConditionExpression": "attribute_not_exists(pk)"}}
        self.assertIsNone(self.call("aws-sdk:dynamodb:transactWriteItems", {"TransactItems": [put]})["error"])
        ended = self.call("aws-sdk:dynamodb:transactWriteItems", {"TransactItems": [put]})
        self.assertEqual("DynamoDb.TransactionCanceledException", ended["error"])


if __name__ == "__main__":
    unittest.main()

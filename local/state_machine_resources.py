"""CloudFormation's AWS::StepFunctions::StateMachineVersion and StateMachineAlias, which ministack 1.5.33 lacks.

Both go through ministack's own PublishStateMachineVersion and …StateMachineAlias. Publishing is idempotent for a
revision, as on AWS. A DeploymentPreference moves an alias at once, whatever its Type: a gradual shift of traffic takes
minutes that a test does not have."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack_extensions import finish, is_true

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]

VERSION = "AWS::StepFunctions::StateMachineVersion"
ALIAS = "AWS::StepFunctions::StateMachineAlias"
MACHINE = "AWS::StepFunctions::StateMachine"


def install(provisioners: Any) -> None:
    """Registers the two types; `provisioners` is the module ministack.services.cloudformation.provisioners."""
    sfn, handlers = provisioners._sfn, provisioners._RESOURCE_HANDLERS
    sfn._publish_state_machine_version = publish_once(sfn, sfn._publish_state_machine_version)
    handlers[VERSION] = version_handlers(sfn)
    handlers[ALIAS] = alias_handlers(sfn, provisioners._physical_name)
    finish(handlers[MACHINE], lambda arn, props: finish_machine(sfn, arn, props))
    handlers[MACHINE]["delete"] = delete_with_versions(sfn, handlers[MACHINE]["delete"])


def call(resource_type: str, operation: Callable[[Properties], Any], request: Properties) -> dict[str, Any]:
    """An operation's answer; its error fails the resource."""
    status, _headers, body = operation({name: value for name, value in request.items() if value is not None})
    answer: dict[str, Any] = json.loads(body) if body else {}
    if status >= 400:
        raise ValueError(f"{resource_type}: {answer.get('__type')}: {answer.get('message')}")
    return answer


def finish_machine(sfn: Any, arn: str, props: Properties) -> None:
    """Refuses broken expressions, and stores logging and tracing with the API's names and types.

    ministack's create looks at no expression, and keeps the template's logging and no tracing.
    """
    machine = sfn._state_machines[arn]
    problem = sfn._validate_definition_jsonata(machine["definition"])
    if problem:
        del sfn._state_machines[arn]
        raise ValueError(f"{MACHINE}: InvalidDefinition: {problem}")
    logging = props.get("LoggingConfiguration") or {}
    machine["loggingConfiguration"] = {
        "level": logging.get("Level", "OFF"),
        "includeExecutionData": is_true(logging.get("IncludeExecutionData", False)),
        "destinations": [
            {"cloudWatchLogsLogGroup": {"logGroupArn": destination["CloudWatchLogsLogGroup"]["LogGroupArn"]}}
            for destination in logging.get("Destinations") or []
        ],
    }
    enabled = (props.get("TracingConfiguration") or {}).get("Enabled", False)
    machine["tracingConfiguration"] = {"enabled": is_true(enabled)}


def publish_once(sfn: Any, publish: Callable[[Properties], Any]) -> Callable[[Properties], Any]:
    """PublishStateMachineVersion that returns the version which a revision already has."""

    def published(request: Properties) -> Any:
        arn = request.get("stateMachineArn")
        machine = sfn._state_machines.get(arn) or {}
        revision = machine.get("revisionId")
        for version in sfn._state_machine_versions.values() if revision else ():
            if version["stateMachineArn"] != arn or version["stateMachineRevisionId"] != revision:
                continue
            if request.get("revisionId", revision) != revision:
                break  # ministack answers with the conflict
            if request.get("description", version["description"]) != version["description"]:
                message = (
                    f"revision {revision} is published as {version['stateMachineVersionArn']}, described otherwise"
                )
                return sfn.error_response_json("ConflictException", message, 400)
            shown = {
                "stateMachineVersionArn": version["stateMachineVersionArn"],
                "creationDate": version["creationDate"],
            }
            return sfn.json_response(shown)
        return publish(request)

    return published


def version_handlers(sfn: Any) -> dict[str, Any]:
    """Handlers of a version. All its properties are create-only, so there is no update."""

    def create(_logical_id: str, props: Properties, _stack: str) -> Created:
        request = {
            "stateMachineArn": props["StateMachineArn"],
            "revisionId": props.get("StateMachineRevisionId"),
            "description": props.get("Description"),
        }
        arn = call(VERSION, sfn._publish_state_machine_version, request)["stateMachineVersionArn"]
        return arn, {"Arn": arn}

    def delete(physical_id: str, _props: Properties) -> None:
        call(VERSION, sfn._delete_state_machine_version, {"stateMachineVersionArn": physical_id})

    return {"create": create, "delete": delete}


def routing(props: Properties) -> list[dict[str, Any]]:
    """Where an alias leads: its DeploymentPreference's version, or what RoutingConfiguration says."""
    preference, configuration = props.get("DeploymentPreference"), props.get("RoutingConfiguration")
    if bool(preference) == bool(configuration):
        raise ValueError(f"{ALIAS}: one of DeploymentPreference and RoutingConfiguration is required")
    if preference:
        if preference.get("Type") not in ("ALL_AT_ONCE", "CANARY", "LINEAR"):
            raise ValueError(f"{ALIAS}: DeploymentPreference.Type is `{preference.get('Type')}`")
        return [{"stateMachineVersionArn": preference["StateMachineVersionArn"], "weight": 100}]
    return [
        {"stateMachineVersionArn": entry["StateMachineVersionArn"], "weight": int(entry["Weight"])}
        for entry in configuration or []
    ]


def alias_handlers(sfn: Any, physical_name: Callable[..., str]) -> dict[str, Any]:
    """Handlers of an alias."""

    def create(logical_id: str, props: Properties, stack_name: str) -> Created:
        request = {
            "name": props.get("Name") or physical_name(stack_name, logical_id, max_len=80),
            "description": props.get("Description"),
            "routingConfiguration": routing(props),
        }
        arn = call(ALIAS, sfn._create_state_machine_alias, request)["stateMachineAliasArn"]
        return arn, {"Arn": arn}

    def update(physical_id: str, _old: Properties, new: Properties, _stack: str) -> Created:
        request = {
            "stateMachineAliasArn": physical_id,
            "description": new.get("Description", ""),
            "routingConfiguration": routing(new),
        }
        call(ALIAS, sfn._update_state_machine_alias, request)
        return physical_id, {"Arn": physical_id}

    def delete(physical_id: str, _props: Properties) -> None:
        call(ALIAS, sfn._delete_state_machine_alias, {"stateMachineAliasArn": physical_id})

    return {"create": create, "update": update, "delete": delete}


def delete_with_versions(sfn: Any, delete: Callable[[str, Properties], None]) -> Callable[[str, Properties], None]:
    """A machine's delete that takes its versions and aliases along, retained ones too, as DeleteStateMachine does."""

    def deleted(physical_id: str, props: Properties) -> None:
        delete(physical_id, props)
        for store in (sfn._state_machine_aliases, sfn._state_machine_versions):
            for arn in [arn for arn in store if arn.startswith(f"{physical_id}:")]:
                store.pop(arn, None)

    return deleted

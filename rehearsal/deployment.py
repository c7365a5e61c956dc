"""Create, update and delete a stack as CloudFormation does: in order, and with a rollback after a failure.

moto processes resources in any order. It could publish a version before the function is changed, or remove the handler
of a custom resource before the resource. After a failure, moto leaves the stack half changed.
"""

import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import Event, Stack

from rehearsal.models import Model, Refused, UnknownType, replace
from rehearsal.order import in_order

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def in_order_or_back() -> Iterator[None]:
    """Make moto's stacks keep this order, and roll back after a failure, during a `with` block."""
    with contextlib.ExitStack() as undo:
        replace(undo, parsing.ResourceMap, "create", _create)
        replace(undo, parsing.ResourceMap, "update", _update)
        replace(undo, parsing.ResourceMap, "delete", _delete)
        replace(undo, Stack, "create_resources", _created_or_back(Stack.create_resources))
        replace(undo, Stack, "update", _updated_or_back(Stack.update))
        yield


def _created_or_back(create: Callable[..., None]) -> Callable[..., None]:
    def create_resources(stack: Any) -> None:
        try:
            create(stack)
        except Exception as error:
            parsed = stack.resource_map._parsed_resources  # includes pseudo parameters
            made = {name: parsed[name] for name in parsed if name in stack.template_dict["Resources"]}
            _tell_each(stack, made, "CREATE_COMPLETE")
            _tell(stack, "CREATE_FAILED", error)
            stack.resource_map.taken_back = set(made)
            stack.resource_map.delete()
            _tell_each(stack, made, "DELETE_COMPLETE", but=stack.resource_map.retained)
            # Otherwise moto would create the resources again when the outputs or resources of the stack are read.
            stack.resource_map._resource_json_map = stack.output_map._output_json_map = {}
            stack._add_stack_event("ROLLBACK_COMPLETE")
            stack.status = "ROLLBACK_COMPLETE"

    return create_resources


def _updated_or_back(update: Callable[..., None]) -> Callable[..., None]:
    def update_stack(stack: Any, template: str, *rest: Any, **named: Any) -> None:
        before, made = stack.template, set(stack.resource_map._parsed_resources)
        try:
            update(stack, template, *rest, **named)
        except Exception as error:
            _tell(stack, "UPDATE_FAILED", error)
            stack.resource_map.taken_back = set(stack.resource_map._parsed_resources) - made
            # The update of later resources never started, so they are not rolled back.
            stack.resource_map.begun = frozenset(stack.resource_map.updated)
            update(stack, before, *rest, **named)
            stack.resource_map.taken_back, stack.resource_map.begun = set(), None
            stack._add_stack_event("UPDATE_ROLLBACK_COMPLETE")
            stack.status = "UPDATE_ROLLBACK_COMPLETE"

    return update_stack


def _tell(stack: Any, status: str, error: Exception) -> None:
    if isinstance(error, Refused):
        logger.warning("CloudFormation rolls back: %s", error)
    else:
        logger.exception("CloudFormation rolls back after an error that may not occur on AWS")
    stack._add_stack_event(status, resource_status_reason=str(error) or type(error).__name__)


def _tell_each(stack: Any, resources: Mapping[str, Any], status: str, but: Collection[str] = ()) -> None:
    """Add an event for each resource: `status`, or DELETE_SKIPPED for those in `but`, which are retained."""
    for logical_id, resource in resources.items():
        event = Event(
            stack.stack_id, stack.name, logical_id, str(getattr(resource, "physical_resource_id", "") or ""),
            stack.template_dict["Resources"][logical_id]["Type"],
            "DELETE_SKIPPED" if logical_id in but else status, None, None,
        )  # fmt: skip
        stack.events.append(event)


# The next functions replace methods of moto's ResourceMap. `resources` is the map of one stack, by logical id.


def _create(resources: Any, template: dict[str, Any]) -> bool:
    resources._template, resources._resource_json_map = template, template["Resources"]
    for logical_id in in_order(template["Resources"]):
        resources[logical_id]  # access creates it
    return True


def _update(resources: Any, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
    old, new = resources._resource_json_map, template["Resources"]
    resources._template, resources._resource_json_map = template, new
    resources.input_parameters = parameters or resources.input_parameters
    resources.load_mapping()
    resources.load_parameters()
    resources.load_conditions()
    resources.updated = set()
    begun = getattr(resources, "begun", None)
    for logical_id in in_order(new):
        if logical_id not in resources._parsed_resources:
            resources[logical_id]
        elif _differs(new[logical_id], old.get(logical_id, {})) and (begun is None or logical_id in begun):
            resources.updated.add(logical_id)
            updated: Any = parsing.parse_and_update_resource(
                logical_id,
                new[logical_id],
                resources,
                account_id=resources._account_id,
                region_name=resources._region_name,
            )
            if updated is None:  # moto itself would ignore the resource
                raise UnknownType(
                    f"moto cannot update {new[logical_id]['Type']}: add a class for it to rehearsal/resources.py."
                )
            resources._parsed_resources[logical_id] = updated
    _remove(resources, {name: declared for name, declared in old.items() if name not in new})


def _differs(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether a resource must be updated. Deletion policies and dependencies do not count as changes."""
    return any(one.get(part) != other.get(part) for part in ("Type", "Properties", "UpdatePolicy"))


def _delete(resources: Any) -> None:
    _remove(resources, resources._resource_json_map)


def _remove(resources: Any, unwanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Remove resources in reverse order of creation. Retained resources stay, and the stack no longer lists them.

    RetainExceptOnCreate does not retain a resource that the rolled-back operation created.
    """
    taken_back: set[str] = getattr(resources, "taken_back", set())
    resources.retained = set()
    for logical_id in [name for name in reversed(resources._parsed_resources) if name in unwanted]:
        parsed, declared = resources._parsed_resources.pop(logical_id), unwanted[logical_id]
        policy = declared.get("DeletionPolicy")
        if policy == "Retain" or (policy == "RetainExceptOnCreate" and logical_id not in taken_back):
            resources.retained.add(logical_id)
            continue
        if isinstance(parsed, Model):  # not through moto, which treats a TypeError in `delete` as a missing method
            parsed.delete(resources._account_id, resources._region_name)
        else:
            resources._delete_resource(parsed, declared)

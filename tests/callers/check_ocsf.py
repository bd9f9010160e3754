"""Validates events of OCSF, one in each line of standard input, against the published schema.

Prints what is wrong with each line that its class does not allow, and how many were valid.
"""

import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

validators = {}
schemas = {}


def validator(event):
    """The validator of an event's class, as of its own version and with its own profiles."""
    meta = event.get("metadata", {})
    version, profiles = meta.get("version"), tuple(meta.get("profiles", []))
    uid = event.get("class_uid")
    if (version, uid, profiles) not in validators:
        if version not in schemas:
            schemas[version] = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version))
        schema = schemas[version]
        name = schema.lookup_class_name_from_uid(class_uid=uid)
        described = schema.get_class_schema(class_name=name, profiles=list(profiles))
        Draft202012Validator.check_schema(described)
        validators[version, uid, profiles] = Draft202012Validator(described)
    return validators[version, uid, profiles]


def main():
    valid, wrong = 0, 0
    for number, line in enumerate(sys.stdin, 1):
        event = json.loads(line)
        errors = list(validator(event).iter_errors(event))
        for error in errors:
            where = "/".join(str(part) for part in error.absolute_path)
            print(f"line {number}: {where}: {error.message[:300]}", file=sys.stderr)
        wrong += bool(errors)
        valid += not errors
    print(valid)
    sys.exit(1 if wrong else 0)


main()

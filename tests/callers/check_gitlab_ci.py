# Checks a pipeline's YAML against GitLab's own published schema of `.gitlab-ci.yml`.
#
# In: files. Out: one line of JSON: {"FILE": [what is wrong, ...], ...}. The schema is the copy that
# `check-jsonschema` ships; GitLab's tag `!reference` is read as the list that it stands for.
import importlib.resources
import json
import sys

import jsonschema
from ruamel.yaml import YAML


def read(path):
    yaml = YAML(typ="safe", pure=True)
    yaml.constructor.add_constructor(
        "!reference", lambda loader, node: loader.construct_sequence(node)
    )
    with open(path, encoding="utf-8") as file:
        return json.loads(json.dumps(yaml.load(file)))


def main(paths):
    folder = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "gitlab-ci.json").read_text(encoding="utf-8"))
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    checker = kind(schema)
    said = {}
    for path in paths:
        faults = sorted(checker.iter_errors(read(path)), key=lambda fault: fault.json_path)
        said[path] = [f"{fault.json_path}: {fault.message}"[:300] for fault in faults]
    print(json.dumps(said))


main(sys.argv[1:])

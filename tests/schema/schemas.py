"""Are the schemas JSON Schema 2020-12, and do the samples keep to them?"""
import json
import pathlib
import sys

from jsonschema import Draft202012Validator, FormatChecker

contract = pathlib.Path(sys.argv[1])
samples = 0
wrong = []
for path in sorted(contract.glob("*.schema.json")):
    schema = json.loads(path.read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    name = path.name.removesuffix(".schema.json")
    found = sorted({*contract.glob(f"samples/{name}.json"), *contract.glob(f"samples/{name}.*.json")})
    if not found:
        wrong.append(f"{path.name}: there is no sample of it")
    for sample in found:
        samples += 1
        wrong += [f"{sample.name}: {e.message}" for e in validator.iter_errors(json.loads(sample.read_text()))]
    # A schema that accepts everything would accept its sample, too.
    if not list(validator.iter_errors({})):
        wrong.append(f"{path.name}: accepts an empty object")
if wrong:
    sys.exit("\n".join(wrong))
print(f"valid: {samples}")

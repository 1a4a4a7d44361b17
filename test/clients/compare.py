"""What a client has read against what psql read before and after it: the same views, rows and sums."""
import json
import sys

expected, after, found = ({line["view"]: line for line in map(json.loads, open(name))} for name in sys.argv[1:4])
wrong = ["not seen: " + view for view in expected.keys() - found.keys()] + ["too many: " + view for view in found.keys() - expected.keys()]
for view in expected.keys() & found.keys():
    here, there = expected[view], found[view]
    if here["rows"] != there["rows"]:
        wrong.append(f"{view}: {there['rows']} rows instead of {here['rows']}")
    if not there.get("described"):
        wrong.append(f"{view}: no description")
    for column, total in here["sums"].items():
        total, other, later = total or 0, there["sums"].get(column) or 0, after[view]["sums"].get(column) or 0
        slack = 1e-9 * abs(total) + 1e-6
        if not min(total, later) - slack <= other <= max(total, later) + slack:
            wrong.append(f"{view}.{column}: {other} instead of {total}")
for line in sorted(wrong)[:20]:
    print(line, file=sys.stderr)
if len(expected) < 30 or sum(line["rows"] for line in expected.values()) < 10000:
    sys.exit("too little was read to tell anything")
sys.exit(1 if wrong else 0)

"""A nightly AI batch job, standard library only: pulls errors batch by batch, keeps the answer where others find it.

    REGRESSION_URL=http://127.0.0.1:8514 REGRESSION_TOKEN=rgr_... python3 batch-job.py

It may be killed at any moment and started again: a batch that was not acknowledged comes again, an acknowledged one never.
"""
import collections
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request

BASE = os.environ.get("REGRESSION_URL", "http://127.0.0.1:8514") + "/api/v1/"
TOKEN = os.environ["REGRESSION_TOKEN"]


def ask(method, path, body=None):
    request = urllib.request.Request(
        BASE + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json"},
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503):
                problem = json.load(error)  # application/problem+json: code, detail, hint
                raise SystemExit("%s: %s" % (problem["code"], problem["detail"]))
            time.sleep(int(error.headers.get("Retry-After", "1")))


# Creating it again changes nothing but its lease.
ask("PUT", "consumers/nightly-errors", {"q": "severity:>=error", "ack_wait": "10m", "max_deliver": 3})

counts = collections.Counter()
while True:
    pulled = ask("POST", "consumers/nightly-errors/pull", {"max_rows": 200, "max_tokens": 20000})
    if pulled["gap"]:
        print("rows had gone to retention before this job came:", pulled["gap"], file=sys.stderr)
    if pulled["batch"] is None:
        break
    # Here a language model would read the batch. This job counts what is the same but for its numbers.
    counts.update(re.sub(r"\d+", "<n>", row["message"]) for row in pulled["rows"])
    ask("POST", "consumers/nightly-errors/ack", {"batch": pulled["batch"]})

summary = [{"kind": kind, "count": count} for kind, count in counts.most_common()]
ask("PUT", "results/nightly-errors?ttl=7d", summary)
print(json.dumps(summary))

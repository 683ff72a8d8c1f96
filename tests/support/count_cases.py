"""Counts Catch2 test cases in the output of `ctest -V`: prints "PASSED FAILED SKIPPED".

Catch2 2 has no skipping: a case that can't run prints a line that begins with SKIP and returns. A program that dies
before Catch2's summary counts as one failure.
"""

import re
import sys

ALL_PASSED = re.compile(r"^(\d+): All tests passed \(.* in (\d+) test cases?\)")
SOME_FAILED = re.compile(r"^(\d+): test cases: *(\d+) \|(.*)$")
SKIP_LINE = re.compile(r"^\d+: +(SKIP|skip)(PED|ped)?\b")
CTEST_RESULT = re.compile(r"^ *\d+/\d+ Test +#(\d+): \S+ \.*(.*)$")


def count(lines):
    passed, failed, skipped = 0, 0, 0
    summarised, bad = set(), set()
    for line in lines:
        if match := ALL_PASSED.match(line):
            summarised.add(match[1])
            passed += int(match[2])
        elif match := SOME_FAILED.match(line):
            summarised.add(match[1])
            for number, what in re.findall(r"(\d+) (passed|failed|skipped)", match[3]):
                if what == "passed":
                    passed += int(number)
                elif what == "failed":
                    failed += int(number)
                    bad.add(match[1])
                else:
                    skipped += int(number)
        elif SKIP_LINE.match(line):
            skipped += 1
            passed -= 1
        elif match := CTEST_RESULT.match(line):
            if "Passed" not in match[2] and match[1] not in bad:
                failed += 1
                bad.add(match[1])
    return max(passed, 0), failed, skipped


if __name__ == "__main__":
    with open(sys.argv[1], errors="replace") as log:
        print(*count(log))

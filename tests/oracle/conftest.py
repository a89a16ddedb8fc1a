"""What the comparisons with PyTorch and ONNX share: the counts at the end."""

import collections

import pytest


@pytest.fixture
def count_sample(record_property, request):
    """Return a function that notes which function of xdl a test is about."""
    call = getattr(request.node, "callspec", None)
    order = call.params.get("order", "") if call else ""

    def count(name):
        record_property("function", name)
        record_property("sample", request.node.nodeid.replace(order, ""))

    return count


def pytest_terminal_summary(terminalreporter):
    """Print how many functions and samples were compared, and how many differ."""
    reports = {
        outcome: [
            report
            for report in terminalreporter.getreports(outcome)
            if "tests/oracle/" in report.nodeid
        ]
        for outcome in ("passed", "failed", "skipped")
    }
    done = [
        dict(report.user_properties)
        for report in reports["passed"] + reports["failed"]
        if report.user_properties
    ]
    if done:
        functions = {properties["function"] for properties in done}
        samples = {properties["sample"] for properties in done}
        terminalreporter.section("oracle")
        terminalreporter.line(
            f"{len(functions)} functions, {len(samples)} samples, {len(done)} values "
            f"and gradients compared: {len(reports['failed'])} failures, "
            f"{len(reports['skipped'])} left out"
        )
    reasons = collections.Counter(
        (report.nodeid.partition("::")[0], report.longrepr[2])
        for report in reports["skipped"]
    )
    if reasons:
        terminalreporter.section("left out")
    for (file, reason), count in sorted(reasons.items()):
        told = reason.removeprefix("Skipped: ")
        terminalreporter.line(f"{count:5}  {file.rpartition('/')[2]}  {told}")

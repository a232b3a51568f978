"""A bill for people and for programs."""

import json

from quaypower.billing import Bill


def as_text(pedestal: str, bill: Bill) -> str:
    rows = [(line.band, line.wh, line.cents) for line in bill.lines] + [("total", bill.wh, bill.cents)]
    head = f"pedestal {pedestal}, {bill.start:%Y-%m-%d %H:%M} to {bill.end:%Y-%m-%d %H:%M}"
    return "\n".join([head, *(f"{band:<12}{wh / 1000:>12.3f} kWh{cents / 100:>12.2f} EUR" for band, wh, cents in rows)])


def as_json(pedestal: str, bill: Bill) -> str:
    document = {
        "pedestal": pedestal,
        "from": f"{bill.start:%Y-%m-%dT%H:%M}",
        "to": f"{bill.end:%Y-%m-%dT%H:%M}",
        "lines": [{"band": line.band, "wh": line.wh, "cents": line.cents} for line in bill.lines],
        "total": {"wh": bill.wh, "cents": bill.cents},
    }
    return json.dumps(document, indent=2)

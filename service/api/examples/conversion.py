"""Examples of the API's description for the explanation of one conversion."""

from typing import Any

from service.api.examples import IDENTIFIERS, JOURNEY, META
from service.api.schemas import Schema, schema_of

FACT: Any = {
    "fact": 1,
    "source": "website",
    "id": "evt-1",
    "type": "page",
    "occurred_at": "2026-03-01T10:00:00Z",
    "received_at": "2026-03-01T10:00:01Z",
}
STEP: Any = {
    "position": 1,
    "occurred_at": "2026-03-01T10:00:00Z",
    "channel": "paid_search",
    "campaign": "spring",
    "facts": [1],
    "milestones": [],
    "weight": 1,
    "sum_of_weights": 1,
    "share": 1.0,
    "worked": "1; divided by the sum 1 = 1; of 80.00 EUR = 80.00",
    "value": 80,
    "conversions": 1,
    "step": 1,
    "dropped_by": None,
    "shared_by": 1,
}
RULE: Any = {
    "model": "linear",
    "name": "linear",
    "preset": None,
    "parameters": {"unique": False, "transform": None, "max_steps": None},
    "version": 1,
    "formula": "w_i = 1",
    "rounding": "share × value in whole minor units",
    "touchpoints": [STEP],
}
POPULATION: Any = {
    **RULE,
    "model": "markov",
    "name": "markov",
    "parameters": {"order": 1, "null": True, "transform": None, "max_steps": None},
    "formula": "RE_c = 1 - P(without c) / P; share_c = RE_c / sum of RE",
    "rounding": "whole minor units; units left over go to the largest remainders",
    "population": {
        "note": "A model of the whole population: …",
        "states": ["channel"],
        "converting_journeys": 2,
        "other_journeys": 1,
        "conversion_rate": 0.666666667,
    },
    "states": [
        {
            "state": ["paid_search"],
            "share": 0.470588235,
            "removal_effect": 0.666666667,
            "value": 228.57,
            "conversions": 0.941176,
            "journeys": 2,
            "carried_value": 57.14,
            "carried_conversions": 0.470588,
            "worked_value": "1 - V(without) / V = 0.8333, V the mean value of a journey; divided "
            "by the sum of all effects 1.4583 = 0.5714",
            "worked_conversions": "1 - P(without) / P = 1 - 0.2222 / 0.6667 = 0.6667; divided by "
            "the sum of all effects 1.4167 = 0.4706",
        }
    ],
    "touchpoints": [
        {
            **STEP,
            "weight": None,
            "sum_of_weights": None,
            "share": 0.470588,
            "worked": "paid_search: 0.5714 of all 400.00 EUR = 228.57; this journey is 100.00 EUR "
            "of the 400.00 EUR of 2 converting journeys with it and carries 57.14",
            "value": 57.14,
            "conversions": 0.470588,
        }
    ],
}
TOUCHPOINT: Any = {
    "position": 1,
    "occurred_at": "2026-03-01T10:00:00Z",
    "kind": "visit",
    "channel": "paid_search",
    "source": "google",
    "medium": "cpc",
    "campaign": "spring",
    "landing_page": "example.com/",
    "fact": FACT,
    "joined": {
        "by": "identifier",
        "person_id": "p_57f32671b65e6833",
        "identifier": {"kind": "anonymous_id", "value": "a-1"},
        "links": [],
    },
}
LINK: Any = {
    "left": {"kind": "anonymous_id", "value": "a-1"},
    "right": {"kind": "email", "value": None},
    "fact": {**FACT, "fact": 3, "id": "evt-3", "type": "identify"},
}
EXPLAIN: Any = {
    "conversion": {
        **JOURNEY["conversion"],
        "facts": [{**FACT, "fact": 2, "id": "evt-2", "type": "order"}],
    },
    "models": [RULE, POPULATION],
    "touchpoints": [TOUCHPOINT],
    "milestones": [],
    "identifiers": IDENTIFIERS,
    "unattributed_reason": None,
    "meta": META,
}


def schema() -> Schema:
    """Of the answer: a model of one journey and one of all journeys are described side by side,
    and the links that the example has none of."""
    found = schema_of(EXPLAIN)
    both = [schema_of(RULE), schema_of(POPULATION)]
    # What a model of all journeys finds of a state depends on the model.
    of_state = schema_of(POPULATION["states"][0])
    of_state["required"].remove("removal_effect")
    both[1]["properties"]["states"]["items"] = of_state
    both[1]["properties"]["population"]["required"].remove("conversion_rate")
    joined = found["properties"]["touchpoints"]["items"]["properties"]["joined"]
    joined["type"] = joined["properties"]["identifier"]["type"] = ["object", "null"]
    joined["properties"]["links"]["items"] = schema_of(LINK)
    found["properties"]["models"]["items"] = {"anyOf": both}
    return found

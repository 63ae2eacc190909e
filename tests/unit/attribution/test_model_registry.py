"""The syntax of models: one meaning, one canonical text, and refusals that say what to write."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from service.attribution.definitions import ModelDefinition
from service.attribution.models import DEFAULT_MODEL, DEFINITIONS, parse_model, parse_models
from service.attribution.parameters import Parameter, PartOfLookback
from service.attribution.presets import PRESETS
from service.kit.errors import Refusal


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("linear", "linear"),
        (" linear ", "linear"),
        ("linear:unique=false", "linear"),
        ("linear:unique=true", "linear:unique=true"),
        ("time_decay:half_life=7d", "time_decay"),
        ("time_decay:half_life=1w", "time_decay"),
        ("time_decay:half_life=168h", "time_decay"),
        ("time_decay:half_life=2w", "time_decay:half_life=14d"),
        ("time_decay:half_life=90m", "time_decay:half_life=90m"),
        ("time_decay:half_life=lookback/4", "time_decay:half_life=lookback/4"),
        ("time_decay@posthog", "time_decay@posthog"),
        ("time_decay@posthog:half_life=lookback/4", "time_decay@posthog"),
        ("time_decay@posthog:half_life=7d", "time_decay@posthog:half_life=7d"),
        ("position_based:last=60:first=20.500", "position_based:first=20.5:last=60"),
        ("position_based:first=040.0", "position_based"),
        ("last_paid:fallback=unattributed:class=paid", "last_paid:fallback=unattributed"),
        ("w_shaped:opportunity=none", "w_shaped:opportunity=none"),
        ("w_shaped@ruler:others=0", "w_shaped@ruler:others=0"),
        (
            "custom:touch-2=1:touch10=2:touch2=3:others=4:lead=5",
            "custom:lead=5:others=4:touch2=3:touch10=2:touch-2=1",
        ),
        ("custom:first=1:touch3=none", "custom:first=1"),
    ],
)
def test_one_meaning_has_one_text(text: str, canonical: str) -> None:
    spec = parse_model(text)
    assert str(spec) == canonical
    assert parse_model(canonical) == spec
    assert hash(parse_model(canonical)) == hash(spec)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "unknown_model", "choose from first_touch"),
        ("Linear", "unknown_model", "choose from first_touch"),
        ("shapely", "unknown_model", "'shapely' is not a model"),
        ("participation", "unknown_model", "a field of answers"),
        ("u_shaped@acme", "unknown_model", "its variants: u_shaped@marketo"),
        ("u_shaped@", "unknown_model", "no variant ''"),
        ("linear@matomo", "unknown_model", "its variants: none"),
        ("linear:unique", "bad_parameter", "write name=value"),
        ("linear:", "bad_parameter", "write name=value"),
        ("linear:unique=yes", "bad_parameter", "true or false"),
        ("linear:half_life=7d", "bad_parameter", "its parameters: unique"),
        ("first_touch:x=1", "bad_parameter", "its parameters: transform, max_steps"),
        ("linear:unique=true:unique=true", "bad_parameter", "given twice"),
        ("time_decay:half_life=0d", "bad_parameter", "a duration above zero"),
        ("time_decay:half_life=none", "bad_parameter", "a duration above zero"),
        ("time_decay:half_life=-7d", "bad_parameter", "a duration above zero"),
        ("time_decay:half_life=lookback/0", "bad_parameter", "a duration above zero"),
        ("position_based:first=-1", "bad_parameter", "a share from 0 to 1000"),
        ("position_based:first=1000.001", "bad_parameter", "a share from 0 to 1000"),
        ("position_based:first=1.2345", "bad_parameter", "at most three decimals"),
        ("position_based:first=1e2", "bad_parameter", "a share from 0 to 1000"),
        ("position_based:first=nan", "bad_parameter", "a share from 0 to 1000"),
        ("position_based:first=none", "bad_parameter", "a share from 0 to 1000"),
        ("position_based:first=0:middle=0:last=0", "bad_parameter", "above zero"),
        ("j_shaped:first_of_two=30", "bad_parameter", "together or not at all"),
        ("j_shaped:first_of_two=0:last_of_two=0", "bad_parameter", "both be zero"),
        ("j_shaped:first_of_two=x:last_of_two=0", "bad_parameter", "or none"),
        ("u_shaped:first=0:lead=0:others=0", "bad_parameter", "above zero"),
        ("custom", "bad_parameter", "at least one share"),
        ("custom:others=0", "bad_parameter", "at least one share"),
        ("custom:touch1=5", "bad_parameter", "its parameters: first"),
        ("custom:touch100=5", "bad_parameter", "its parameters: first"),
        ("last_paid:class=free", "bad_parameter", "one of paid, owned, earned"),
        ("linear:transform=shuffle", "bad_parameter", "a chain of transforms"),
        ("linear:transform=first+", "bad_parameter", "a chain of transforms"),
        ("linear:transform=remove_if_not_all()", "bad_parameter", "a chain of transforms"),
        ("linear:transform=first(email)", "bad_parameter", "a chain of transforms"),
        ("linear:transform=" + "+".join(["first"] * 6), "bad_parameter", "a chain of transforms"),
        ("linear:max_steps=0", "bad_parameter", "a whole number from 1 to 1000 or none"),
    ],
)
def test_refusals_name_the_code_and_the_remedy(text: str, code: str, says: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_model(text)
    assert (refused.value.code, refused.value.field) == (code, "model")
    assert says in refused.value.detail


@settings(deadline=None)
@given(st.text(max_size=40) | st.text(alphabet="linear:unq=true@4.0_", max_size=40))
def test_any_text_is_a_model_or_a_refusal(text: str) -> None:
    try:
        spec = parse_model(text)
    except Refusal as refused:
        event(refused.code)
        return
    assert parse_model(str(spec)) == spec


def test_several_models_each_once_in_their_order() -> None:
    specs = parse_models("linear,first_touch,time_decay:half_life=7d,time_decay,linear")
    assert [str(spec) for spec in specs] == ["linear", "first_touch", "time_decay"]
    with pytest.raises(Refusal):
        parse_models("linear,")


def test_parameters_are_typed_and_complete() -> None:
    spec = parse_model("time_decay:half_life=14d")
    assert (spec.name, spec.version, spec.preset) == ("time_decay", 1, None)
    assert spec.parameters == (
        ("half_life", timedelta(days=14)),
        ("transform", None),
        ("max_steps", None),
    )
    assert parse_model("full_path")["lead"] == Decimal("22.5")
    assert parse_model("time_decay@posthog")["half_life"] == PartOfLookback(4)
    assert parse_model(DEFAULT_MODEL).name == "position_based"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("linear:transform=none:max_steps=none", "linear"),
        ("linear:max_steps=3:transform=first", "linear:transform=first:max_steps=3"),
        ("linear:transform=exposure first", "linear:transform=exposure+first"),
        ("u_shaped@marketo:transform=unique", "u_shaped@marketo:transform=unique"),
        (
            "last_touch:transform=exposure remove_if_not_all(my own channel) first",
            "last_touch:transform=exposure+remove_if_not_all(my own channel)+first",
        ),
    ],
)
def test_transforms_have_one_text(text: str, canonical: str) -> None:
    assert str(parse_model(text)) == canonical
    assert parse_model(canonical) == parse_model(text)


def test_an_answer_states_its_model_in_json() -> None:
    assert json.loads(json.dumps(parse_model("full_path:first=20").to_dict())) == {
        "model": "full_path:first=20",
        "name": "full_path",
        "preset": None,
        "parameters": {
            "first": 20,
            "lead": 22.5,
            "opportunity": 22.5,
            "close": 22.5,
            "others": 10,
            "transform": None,
            "max_steps": None,
        },
        "version": 1,
    }
    assert parse_model("w_shaped@ruler").to_dict()["preset"] == "ruler"


def test_a_part_of_the_lookback_is_settled_by_the_question() -> None:
    spec = parse_model("time_decay@posthog")
    settled = spec.resolve(timedelta(days=90))
    assert settled["half_life"] == timedelta(days=22, hours=12)
    assert str(settled) == "time_decay@posthog"
    assert settled.to_dict()["parameters"] == {
        "half_life": "540h",
        "transform": None,
        "max_steps": None,
    }
    assert settled.resolve(None) == settled
    with pytest.raises(Refusal, match="lookback=90d"):
        spec.resolve(None)


def test_models_of_other_kinds_use_the_same_syntax() -> None:
    markov = ModelDefinition(
        name="markov",
        title="",
        formula="",
        description="",
        edge_cases=(),
        source="",
        kind="population",
        parameters=(
            Parameter("order", "count", 1, "", least=1, most=3),
            Parameter("null", "flag", True, ""),
            Parameter("max_steps", "count", None, "", optional=True, least=1),
        ),
    )
    known = {"markov": markov}
    spec = parse_model("markov:order=2:null=false", known)
    assert str(spec) == "markov:order=2:null=false"
    assert spec.parameters == (("order", 2), ("null", False), ("max_steps", None))
    assert str(parse_model("markov:order=1:max_steps=none", known)) == "markov"
    with pytest.raises(Refusal, match="whole number from 1 to 3"):
        parse_model("markov:order=4", known)


def test_every_preset_is_a_model_with_a_source() -> None:
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    for preset in PRESETS:
        spec = parse_model(preset.name)
        assert (str(spec), spec.preset) == (preset.name, preset.vendor)
        assert preset.model in DEFINITIONS
        assert preset.source
        assert preset.note

"""Vendors' variants of the rule models under names of their own, each with its source."""

from service.attribution.definitions import Preset

_FORTY_TWENTY_FORTY = (("first", "40"), ("middle", "20"), ("last", "40"))
_THIRD_ANCHOR_LAST = (
    ("first", "30"),
    ("lead", "30"),
    ("opportunity", "none"),
    ("last", "30"),
    ("others", "10"),
)

PRESETS = (
    Preset(
        "position_based",
        "dreamdata",
        _FORTY_TWENTY_FORTY,
        "Called U-Shaped there: 40 % to both the first and the last touch, 20 % to the rest.",
        "https://docs.dreamdata.io/article/tycc6odb2v-attribution-model",
    ),
    Preset(
        "position_based",
        "hockeystack",
        _FORTY_TWENTY_FORTY,
        "Called U-shaped there: 40 % first, 40 % last, 20 % to the rest.",
        "HockeyStack documentation, attribution models",
    ),
    Preset(
        "position_based",
        "matomo",
        _FORTY_TWENTY_FORTY,
        "First and last interaction 40 % each, 20 % shared equally by the remaining ones.",
        "https://matomo.org/faq/multi-channel-conversion-attribution/faq_25500",
    ),
    Preset(
        "position_based",
        "snowplow",
        _FORTY_TWENTY_FORTY,
        "One touch 100 %, two touches 50/50, three or more 40/20/40.",
        "dbt-snowplow-attribution, models/snowplow_attribution_channel_attributions.sql",
    ),
    Preset(
        "position_based",
        "posthog",
        _FORTY_TWENTY_FORTY,
        "40 % first, 40 % last, 20 % to the touches between.",
        "PostHog marketing analytics, attribution_weights.py",
    ),
    Preset(
        "j_shaped",
        "amplitude",
        (("first_of_two", "30"), ("last_of_two", "70")),
        "As J shaped elsewhere, but two touches get 30 and 70.",
        "Amplitude documentation, attribution models",
    ),
    Preset(
        "u_shaped",
        "marketo",
        (("first", "50"), ("lead", "50"), ("others", "0")),
        "Half to the first touch and half to the lead creation touch, nothing to the others.",
        "https://experienceleague.adobe.com/en/docs/marketo-measure/using/"
        "introduction-to-marketo-measure/overview-resources/marketo-measure-attribution-models",
    ),
    Preset(
        "w_shaped",
        "dreamdata",
        _THIRD_ANCHOR_LAST,
        "30 % each to the first touch, the last touch and the touch of the lead conversion.",
        "https://docs.dreamdata.io/article/tycc6odb2v-attribution-model",
    ),
    Preset(
        "w_shaped",
        "ruler",
        _THIRD_ANCHOR_LAST,
        "30 % each to the first touch, the lead, and the touch where the lead became a customer.",
        "https://www.ruleranalytics.com/multi-touch-attribution/",
    ),
    Preset(
        "time_decay",
        "posthog",
        (("half_life", "lookback/4"),),
        "The half-life is a quarter of the attribution window.",
        "PostHog marketing analytics, attribution_weights.py",
    ),
)

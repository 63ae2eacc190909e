"""Cost reports as the platforms write them, what is said of them, and the lines they become."""

from typing import Any

DAY = "2026-03-01"
GOOGLE = """Campaign report
"March 1, 2026 - March 2, 2026"
Day,Campaign,Campaign ID,Customer ID,Currency code,Cost,Impr.,Clicks
2026-03-01,"Spring, big",42,123-456-7890,EUR,"1,234.56","10,000",120
2026-03-02,Total recall,43,123-456-7890,EUR,0,0,0
Total: Campaigns, --, --, --,EUR,"1,234.56","10,000",120
Total: Account, --, --, --,EUR,"1,234.56","10,000",120
"""
DIRECT = (
    '"Spend (2026-03-01 - 2026-03-01)"\n'
    "Date\tCampaignId\tCampaignName\tImpressions\tClicks\tCost\n"
    "2026-03-01\t7\tЛето\t100\t5\t1234560000\n"
    "2026-03-01\t8\tЗима\t--\t--\t--\n"
    "Total rows: 2\n"
)
MICROSOFT = """"Report Name: Spend"
"Report Time: 3/1/2026,3/1/2026"
"Time Zone: (GMT) Greenwich Mean Time"
"Last Completed Available Day: 3/2/2026 11:35:00 PM (GMT)"
"Report Filter: "
"Potential Incomplete Data: false"
"Rows: 1"

"TimePeriod","AccountName","AccountId","CampaignName","CampaignId","CurrencyCode","Impressions","Clicks","Spend"
"2026-03-01","Acme","180","Brand","555","USD","1200","34","56.70"

"©2026 Microsoft Corporation. All rights reserved. "
"""
STREAM = [
    {
        "results": [
            {
                "customer": {
                    "resourceName": "customers/12",
                    "id": "1234567890",
                    "currencyCode": "EUR",
                    "timeZone": "Europe/Berlin",
                },
                "campaign": {
                    "resourceName": "customers/12/campaigns/42",
                    "name": "Spring",
                    "id": "42",
                },
                "metrics": {"clicks": "120", "costMicros": "1234565000", "impressions": "10000"},
                "segments": {"date": "2026-03-01"},
            }
        ],
        "fieldMask": "campaign.id",
        "requestId": "r",
    },
    {
        "results": [
            {
                "campaign": {"id": "43"},
                "metrics": {"impressions": "1"},
                "segments": {"date": DAY},
                "customer": {"id": "1234567890", "currencyCode": "EUR"},
            }
        ]
    },
]
INSIGHTS = {
    "data": [
        {
            "account_id": "act_77",
            "account_currency": "USD",
            "campaign_id": "120",
            "campaign_name": "Lookalike",
            "impressions": "900",
            "clicks": "40",
            "inline_link_clicks": "31",
            "spend": "12.345",
            "date_start": "2026-03-01",
            "date_stop": "2026-03-01",
        }
    ],
    "paging": {"cursors": {"before": "a", "after": "b"}},
}
SAMPLES: dict[str, tuple[Any, dict[str, str], list[dict[str, Any]]]] = {
    "ga4": (
        ("date,utm_source,utm_medium,utm_id,utm_campaign,cost,clicks,impressions\n"
        "20260301,news,email,n1,Spring,12.345,3,100\n"),
        {"currency": "EUR"},
        [{"date": DAY, "source": "news", "medium": "email", "campaign_id": "n1", "campaign": "Spring",
          "amount": "12.35", "currency": "EUR", "clicks": 3, "impressions": 100}],
    ),
    "ga4 universal": (
        "ga:source,ga:medium,ga:date,ga:adCost,ga:adClicks\nbing,cpc,20260301,1.50,2\n",
        {"currency": "EUR"},
        [{"date": DAY, "source": "bing", "medium": "cpc", "amount": "1.50", "currency": "EUR",
          "clicks": 2}],
    ),
    "yandex metrica": (
        ("Date,UTMSource,UTMMedium,UTMCampaign,Expenses,Currency,Clicks\n"
        "2026-03-01/2026-03-03,yandex,cpc,spring,10.00,RUB,4\n"),
        {},
        [{"date": f"2026-03-0{day}", "source": "yandex", "medium": "cpc", "campaign": "spring",
          "amount": amount, "currency": "RUB", "clicks": clicks}
         for day, amount, clicks in ((1, "3.34", 2), (2, "3.33", 1), (3, "3.33", 1))],
    ),
    "google report": (
        GOOGLE,
        {},
        [{"date": DAY, "source": "google", "medium": "cpc", "account": "1234567890",
          "campaign_id": "42", "campaign": "Spring, big", "amount": "1234.56", "currency": "EUR",
          "impressions": 10_000, "clicks": 120},
         {"date": "2026-03-02", "source": "google", "medium": "cpc", "account": "1234567890",
          "campaign_id": "43", "campaign": "Total recall", "amount": "0.00", "currency": "EUR",
          "impressions": 0, "clicks": 0}],
    ),
    "google csv of the api": (
        ("segments.date,campaign.id,campaign.name,metrics.cost_micros,customer.currency_code\n"
        "2026-03-01,42,Spring,1230000,JPY\n"),
        {},
        [{"date": DAY, "source": "google", "medium": "cpc", "campaign_id": "42",
          "campaign": "Spring", "amount": "1", "currency": "JPY"}],
    ),
    "google stream": (
        STREAM,
        {},
        [{"date": DAY, "source": "google", "medium": "cpc", "account": "1234567890",
          "account_timezone": "Europe/Berlin", "campaign_id": "42", "campaign": "Spring",
          "amount": "1234.57", "currency": "EUR", "impressions": 10_000, "clicks": 120},
         {"date": DAY, "source": "google", "medium": "cpc", "account": "1234567890",
          "campaign_id": "43", "amount": "0.00", "currency": "EUR", "impressions": 1}],
    ),
    "meta export": (
        ("Reporting starts,Reporting ends,Campaign name,Ad set name,Amount spent (EUR),Impressions,Link clicks\n"
        "2026-03-01,2026-03-02,Reach,Women,0.05,101,3\n"
        "2026-03-01,2026-03-02,,,0.05,101,3\n"),
        {"source": "fb"},
        [{"date": f"2026-03-0{day}", "source": "fb", "medium": "paid_social", "campaign": "Reach",
          "ad_group": "Women", "amount": amount, "currency": "EUR", "impressions": shown,
          "clicks": clicks}
         for day, amount, shown, clicks in ((1, "0.03", 51, 2), (2, "0.02", 50, 1))],
    ),
    "meta insights": (
        INSIGHTS,
        {},
        [{"date": DAY, "source": "facebook", "medium": "paid_social", "account": "77",
          "campaign_id": "120", "campaign": "Lookalike", "amount": "12.35", "currency": "USD",
          "impressions": 900, "clicks": 31}],
    ),
    "microsoft": (
        MICROSOFT,
        {},
        [{"date": DAY, "source": "bing", "medium": "cpc", "account": "180", "campaign_id": "555",
          "campaign": "Brand", "amount": "56.70", "currency": "USD", "impressions": 1200,
          "clicks": 34}],
    ),
    "linkedin export": (
        ("Campaign Performance Report (in UTC)\nReport Start: March 1\n\n"
        "Start Date (in UTC)\tAccount Name\tCurrency\tCampaign Name\tCampaign ID\tTotal Spent\tImpressions\tClicks\n"
        "3/1/2026\tAcme\tUSD\tCFOs\t901\t77.123456\t500\t4\n"),
        {},
        [{"date": DAY, "source": "linkedin", "medium": "paid_social", "account_timezone": "UTC",
          "campaign_id": "901", "campaign": "CFOs", "amount": "77.12", "currency": "USD",
          "impressions": 500, "clicks": 4}],
    ),
    "linkedin analytics": (
        {"elements": [{"dateRange": {"start": {"year": 2026, "month": 3, "day": 1},
                                     "end": {"year": 2026, "month": 3, "day": 1}},
                       "pivotValues": ["urn:li:sponsoredCampaign:901"],
                       "costInLocalCurrency": "3.5", "impressions": 10, "clicks": 1}]},
        {"currency": "USD"},
        [{"date": DAY, "source": "linkedin", "medium": "paid_social", "campaign_id": "901",
          "amount": "3.50", "currency": "USD", "impressions": 10, "clicks": 1}],
    ),
    "tiktok export": (
        ("Campaign name,Campaign ID,Date,Cost,Impressions,Clicks (destination),Currency\n"
        "Dance,66,2026-03-01,5.5,1000,12,USD\nTotal of 1 results,-,-,5.5,1000,12,USD\n"),
        {},
        [{"date": DAY, "source": "tiktok", "medium": "paid_social", "campaign_id": "66",
          "campaign": "Dance", "amount": "5.50", "currency": "USD", "impressions": 1000,
          "clicks": 12}],
    ),
    "tiktok report": (
        {"code": 0, "data": {"list": [
            {"dimensions": {"stat_time_day": "2026-03-01 00:00:00", "campaign_id": "66"},
             "metrics": {"campaign_name": "Dance", "spend": "5.50", "impressions": "1000",
                         "clicks": "12"}}]}},
        {"currency": "USD"},
        [{"date": DAY, "source": "tiktok", "medium": "paid_social", "campaign_id": "66",
          "campaign": "Dance", "amount": "5.50", "currency": "USD", "impressions": 1000,
          "clicks": 12}],
    ),
    "yandex direct": (
        DIRECT,
        {"currency": "RUB", "vat": "included"},
        [{"date": DAY, "source": "yandex", "medium": "cpc", "campaign_id": "7",
          "campaign": "Лето", "amount": "1234.56", "currency": "RUB", "vat": "included",
          "impressions": 100, "clicks": 5},
         {"date": DAY, "source": "yandex", "medium": "cpc", "campaign_id": "8",
          "campaign": "Зима", "amount": "0.00", "currency": "RUB", "vat": "included"}],
    ),
    "yandex direct with a point": (
        "Date\tCampaignId\tCost\n2026-03-01\t7\t12.50\n2026-03-01\t8\t0\n",
        {"currency": "RUB"},
        [{"date": DAY, "source": "yandex", "medium": "cpc", "campaign_id": name,
          "amount": amount, "currency": "RUB"} for name, amount in (("7", "12.50"), ("8", "0.00"))],
    ),
    "vk statistics": (
        {"items": [{"id": 5, "rows": [{"date": DAY, "base": {"shows": 10, "clicks": 1, "spent": "12.34"}}],
                    "total": {"base": {"spent": "12.34"}}}],
         "total": {"base": {"spent": "12.34"}}},
        {"currency": "RUB"},
        [{"date": DAY, "source": "vk", "medium": "cpc", "campaign_id": "5", "amount": "12.34",
          "currency": "RUB", "impressions": 10, "clicks": 1}],
    ),
    "vk table": (
        "date;ad_plan_id;shows;clicks;spent\n2026-03-01;5;10;1;12.34\n",
        {"currency": "RUB"},
        [{"date": DAY, "source": "vk", "medium": "cpc", "campaign_id": "5", "amount": "12.34",
          "currency": "RUB", "impressions": 10, "clicks": 1}],
    ),
}  # fmt: skip

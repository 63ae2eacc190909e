-- The latest statement of each spend line and each exchange rate.

DELETE FROM spend;

INSERT INTO spend
SELECT
    day, source_id, source, medium, campaign_id, campaign, ad_group, ad, term, amount_minor,
    currency, impressions, clicks, dimension_id, seq, account
FROM (
    SELECT
        f.*,
        ROW_NUMBER() OVER (PARTITION BY f.source_id, f.subject ORDER BY f.stated_at DESC, f.fact_id DESC) AS choice
    FROM spend_facts AS f
) AS statements
WHERE choice = 1;

DELETE FROM rates;

INSERT INTO rates
SELECT day, base, quote, rate
FROM (
    SELECT
        f.day, f.base, f.quote, f.rate,
        ROW_NUMBER() OVER (PARTITION BY f.subject ORDER BY f.stated_at DESC, sources.name, f.fact_id DESC) AS choice
    FROM rate_facts AS f JOIN sources ON sources.source_id = f.source_id
) AS statements
WHERE choice = 1;

-- The mart. Upper half: facts in columns, as they came. Lower half: what follows from them.
-- Instants are BIGINT microseconds since 1970 UTC, money BIGINT minor units.

CREATE TABLE state (watermark BIGINT, configuration VARCHAR, fresh_to BIGINT, erasure BIGINT);
CREATE TABLE sources (source_id INTEGER, name VARCHAR);
CREATE TABLE identifiers (identifier_id INTEGER, identifier VARCHAR, known BOOLEAN);
CREATE TABLE identifier_sets (set_id INTEGER, identifiers VARCHAR);
CREATE TABLE set_members (set_id INTEGER, identifier_id INTEGER);
-- Which facts said a set: the first to arrive and, of sets that link, the one that occurred last.
CREATE TABLE set_seen (
    set_id INTEGER, first_at BIGINT, last_at BIGINT, trusted BOOLEAN, first_seq BIGINT, last_seq BIGINT
);
CREATE TABLE unlinks (seq BIGINT, occurred_at BIGINT, left_id INTEGER, right_id INTEGER);
CREATE TABLE dimensions (
    dimension_id INTEGER, is_page BOOLEAN, touch VARCHAR, page_authority VARCHAR,
    referrer_authority VARCHAR,
    touch_kind VARCHAR, channel VARCHAR, channel_class TINYINT, is_direct BOOLEAN, is_entry BOOLEAN,
    is_internal BOOLEAN, entry_key INTEGER, source VARCHAR, medium VARCHAR, campaign VARCHAR,
    campaign_id VARCHAR, content VARCHAR, term VARCHAR
);
CREATE TABLE pages (page_id INTEGER, address VARCHAR, host VARCHAR, path VARCHAR);
CREATE TABLE page_views (
    seq BIGINT, source_id INTEGER, fact_id VARCHAR, occurred_at BIGINT,
    set_id INTEGER, dimension_id INTEGER, page_id INTEGER
);
CREATE TABLE touches (
    seq BIGINT, source_id INTEGER, fact_id VARCHAR, occurred_at BIGINT,
    set_id INTEGER, dimension_id INTEGER, page_id INTEGER
);
CREATE TABLE object_facts (
    seq BIGINT, source_id INTEGER, fact_id VARCHAR, occurred_at BIGINT, set_id INTEGER,
    kind VARCHAR, object_id VARCHAR, stage VARCHAR, amount_minor BIGINT, currency VARCHAR,
    cost_minor BIGINT, has_items BOOLEAN, reason VARCHAR, lead_id VARCHAR, refund_id VARCHAR,
    account_id VARCHAR, domain VARCHAR
);
CREATE TABLE object_contacts (seq BIGINT, kind VARCHAR, object_id VARCHAR, set_id INTEGER);
CREATE TABLE account_facts (
    seq BIGINT, source_id INTEGER, fact_id VARCHAR, occurred_at BIGINT, set_id INTEGER,
    account_id VARCHAR, domain VARCHAR, name VARCHAR, email_domain VARCHAR
);
CREATE TABLE spend_facts (
    seq BIGINT, source_id INTEGER, fact_id VARCHAR, stated_at BIGINT, subject VARCHAR, day VARCHAR,
    source VARCHAR, medium VARCHAR, campaign_id VARCHAR, campaign VARCHAR, ad_group VARCHAR,
    ad VARCHAR, term VARCHAR, amount_minor BIGINT, currency VARCHAR,
    impressions BIGINT, clicks BIGINT, dimension_id INTEGER, account VARCHAR
);
CREATE TABLE rate_facts (
    seq BIGINT, source_id INTEGER, fact_id VARCHAR, stated_at BIGINT, subject VARCHAR,
    day VARCHAR, base VARCHAR, quote VARCHAR, rate VARCHAR
);
CREATE TABLE left_out (reason VARCHAR, facts BIGINT);

CREATE TABLE identifier_people (
    identifier_id INTEGER, cluster_id INTEGER, person_id INTEGER, shared BOOLEAN
);
CREATE TABLE set_people (set_id INTEGER, person_id INTEGER);
CREATE TABLE people (person_id INTEGER, public_id VARCHAR, first_at BIGINT, known BOOLEAN);
CREATE TABLE person_accounts (person_id INTEGER, account_key VARCHAR);
CREATE TABLE domain_accounts (domain VARCHAR, account_id VARCHAR);
CREATE TABLE touchpoints (
    person_id INTEGER, occurred_at BIGINT, tie INTEGER, seq BIGINT, dimension_id INTEGER,
    page_id INTEGER, ended_at BIGINT, page_views INTEGER
);
CREATE TABLE conversions (
    conversion_key BIGINT, conversion_id VARCHAR, kind VARCHAR, object_id VARCHAR, stage VARCHAR,
    occurred_at BIGINT, person_id INTEGER, account_key VARCHAR, cost_minor BIGINT,
    cost_currency VARCHAR, lead_at BIGINT, mql_at BIGINT, sql_at BIGINT, opportunity_at BIGINT,
    state VARCHAR
);
CREATE TABLE conversion_people (conversion_key BIGINT, person_id INTEGER);
CREATE TABLE conversion_amounts (
    conversion_key BIGINT, part VARCHAR, amount_minor BIGINT, currency VARCHAR,
    occurred_at BIGINT, rate_day VARCHAR
);
-- One row a touchpoint of a journey, journeys one after another in their order. What readers filter
-- by is repeated on each row: it compresses to nothing and spares every report a join.
CREATE TABLE journeys (
    conversion_key BIGINT, stage VARCHAR, converted_at BIGINT, position INTEGER,
    occurred_at BIGINT, dimension_id INTEGER, page_id INTEGER, of_person BOOLEAN, seq BIGINT
);
CREATE TABLE reach (conversion_key BIGINT, person_first_at BIGINT, account_first_at BIGINT);
CREATE TABLE spend (
    day VARCHAR, source_id INTEGER, source VARCHAR, medium VARCHAR, campaign_id VARCHAR,
    campaign VARCHAR, ad_group VARCHAR, ad VARCHAR, term VARCHAR, amount_minor BIGINT,
    currency VARCHAR, impressions BIGINT, clicks BIGINT, dimension_id INTEGER, seq BIGINT,
    account VARCHAR
);
CREATE TABLE rates (day VARCHAR, base VARCHAR, quote VARCHAR, rate VARCHAR);

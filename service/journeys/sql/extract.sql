-- New facts into columns. `new_facts` is the stretch of the ledger after the watermark.
-- Dictionaries number what is new in the order of its first fact, so that a rebuild numbers alike.

CREATE OR REPLACE TEMP TABLE parsed AS
SELECT
    seq, source_id, fact_id, type, occurred_at, subject, payload,
    CAST(payload -> '$.identifiers' AS VARCHAR) AS identifiers,
    COALESCE(CAST(payload -> '$.touch' AS VARCHAR), '') AS touch,
    COALESCE(payload ->> '$.page.url', '') AS url,
    COALESCE(payload ->> '$.page.referrer', '') AS referrer,
    COALESCE(payload ->> '$.bot', '') = 'true' AS bot
FROM new_facts;

-- Host and path of the page, host of the referrer.
CREATE OR REPLACE TEMP TABLE located AS
SELECT
    seq, source_id, fact_id, type, occurred_at, identifiers, touch, type = 'page' AS is_page,
    LOWER(SPLIT_PART(SPLIT_PART(SPLIT_PART(SPLIT_PART(url, '/', 3), '?', 1), '#', 1), ':', 1)) AS page_host,
    LOWER(SPLIT_PART(SPLIT_PART(SPLIT_PART(SPLIT_PART(referrer, '/', 3), '?', 1), '#', 1), ':', 1)) AS referrer_host,
    CASE
        WHEN url = '' THEN ''
        ELSE COALESCE(NULLIF(REGEXP_REPLACE(SPLIT_PART(SPLIT_PART(url, '?', 1), '#', 1), '^[^/]*//[^/]*', ''), ''), '/')
    END AS path
FROM parsed
WHERE type IN ('page', 'touch', 'spend') AND NOT bot;

-- How each fact names its people: one visitor says the same words each time.
CREATE OR REPLACE TEMP TABLE named AS
SELECT seq, occurred_at, identifiers FROM parsed WHERE identifiers IS NOT NULL AND NOT bot
UNION ALL
SELECT seq, occurred_at, CAST(contact AS VARCHAR) AS identifiers
FROM (
    SELECT seq, occurred_at, UNNEST(CAST(payload -> '$.deal.contacts' AS JSON[])) AS contact
    FROM parsed WHERE type = 'deal'
) AS contacts
UNION ALL
SELECT seq, occurred_at, CAST(TO_JSON([payload ->> '$.unlink.left']) AS VARCHAR) AS identifiers
FROM parsed WHERE type = 'unlink'
UNION ALL
SELECT seq, occurred_at, CAST(TO_JSON([payload ->> '$.unlink.right']) AS VARCHAR) AS identifiers
FROM parsed WHERE type = 'unlink';

INSERT INTO identifier_sets
SELECT
    (SELECT COALESCE(MAX(set_id), 0) FROM identifier_sets)
    + ROW_NUMBER() OVER (ORDER BY found.first_seq, found.identifiers),
    found.identifiers
FROM (SELECT identifiers, MIN(seq) AS first_seq FROM named GROUP BY identifiers) AS found
LEFT JOIN identifier_sets AS known ON known.identifiers = found.identifiers
WHERE known.set_id IS NULL;

CREATE OR REPLACE TEMP TABLE new_members AS
SELECT set_id, UNNEST(CAST(CAST(identifiers AS JSON) AS VARCHAR[])) AS identifier
FROM identifier_sets
WHERE set_id > (SELECT COALESCE(MAX(set_id), 0) FROM set_members);

INSERT INTO identifiers
SELECT
    (SELECT COALESCE(MAX(identifier_id), 0) FROM identifiers)
    + ROW_NUMBER() OVER (ORDER BY found.first_set, found.identifier),
    found.identifier,
    SPLIT_PART(found.identifier, ':', 1) IN ('user_id', 'email', 'phone', 'crm_contact_id')
FROM (SELECT identifier, MIN(set_id) AS first_set FROM new_members GROUP BY identifier) AS found
LEFT JOIN identifiers AS known ON known.identifier = found.identifier
WHERE known.identifier_id IS NULL;

INSERT INTO set_members
SELECT new_members.set_id, identifiers.identifier_id
FROM new_members
JOIN identifiers ON identifiers.identifier = new_members.identifier;

CREATE OR REPLACE TEMP TABLE chunk_sets AS
SELECT identifier_sets.set_id, MIN(named.occurred_at) AS first_at, MAX(named.occurred_at) AS last_at
FROM named
JOIN identifier_sets ON identifier_sets.identifiers = named.identifiers
GROUP BY identifier_sets.set_id;

INSERT INTO set_seen SELECT set_id, first_at, last_at FROM chunk_sets;

INSERT INTO batch_sets SELECT set_id FROM chunk_sets;

INSERT INTO unlinks
SELECT parsed.seq, parsed.occurred_at, l.identifier_id, r.identifier_id
FROM parsed
JOIN identifiers AS l ON l.identifier = (parsed.payload ->> '$.unlink.left')
JOIN identifiers AS r ON r.identifier = (parsed.payload ->> '$.unlink.right')
WHERE parsed.type = 'unlink';

INSERT INTO pages
SELECT
    (SELECT COALESCE(MAX(page_id), 0) FROM pages)
    + ROW_NUMBER() OVER (ORDER BY found.first_seq, found.page_host, found.path),
    found.page_host, found.path
FROM (
    SELECT page_host, path, MIN(seq) AS first_seq
    FROM located WHERE path <> '' GROUP BY page_host, path
) AS found
LEFT JOIN pages ON pages.host = found.page_host AND pages.path = found.path
WHERE pages.page_id IS NULL;

INSERT INTO dimensions (dimension_id, is_page, touch, page_host, referrer_host)
SELECT
    (SELECT COALESCE(MAX(dimension_id), 0) FROM dimensions)
    + ROW_NUMBER() OVER (ORDER BY found.first_seq, found.touch, found.page_host, found.referrer_host),
    found.is_page, found.touch, found.page_host, found.referrer_host
FROM (
    SELECT is_page, touch, page_host, referrer_host, MIN(seq) AS first_seq
    FROM located GROUP BY is_page, touch, page_host, referrer_host
) AS found
LEFT JOIN dimensions AS known
    ON known.is_page = found.is_page AND known.touch = found.touch
    AND known.page_host = found.page_host AND known.referrer_host = found.referrer_host
WHERE known.dimension_id IS NULL;

CREATE OR REPLACE TEMP TABLE placed AS
SELECT
    located.seq, located.source_id, located.fact_id, located.occurred_at, located.type,
    identifier_sets.set_id, dimensions.dimension_id, pages.page_id
FROM located
JOIN dimensions
    ON dimensions.is_page = located.is_page AND dimensions.touch = located.touch
    AND dimensions.page_host = located.page_host
    AND dimensions.referrer_host = located.referrer_host
LEFT JOIN identifier_sets ON identifier_sets.identifiers = located.identifiers
LEFT JOIN pages ON pages.host = located.page_host AND pages.path = located.path;

INSERT INTO page_views
SELECT seq, source_id, fact_id, occurred_at, set_id, dimension_id, page_id
FROM placed WHERE type = 'page';

INSERT INTO touches
SELECT seq, source_id, fact_id, occurred_at, set_id, dimension_id, page_id
FROM placed WHERE type = 'touch';

INSERT INTO spend_facts
SELECT
    parsed.seq, parsed.source_id, parsed.fact_id, parsed.occurred_at, parsed.subject,
    parsed.payload ->> '$.spend.date', parsed.payload ->> '$.spend.source',
    parsed.payload ->> '$.spend.medium', parsed.payload ->> '$.spend.campaign_id',
    parsed.payload ->> '$.spend.campaign', parsed.payload ->> '$.spend.ad_group',
    parsed.payload ->> '$.spend.ad', parsed.payload ->> '$.spend.term',
    CAST(parsed.payload ->> '$.spend.amount_minor' AS BIGINT), parsed.payload ->> '$.spend.currency',
    CAST(parsed.payload ->> '$.spend.impressions' AS BIGINT),
    CAST(parsed.payload ->> '$.spend.clicks' AS BIGINT), placed.dimension_id
FROM parsed
JOIN placed ON placed.seq = parsed.seq
WHERE parsed.type = 'spend';

INSERT INTO rate_facts
SELECT
    seq, source_id, fact_id, occurred_at, subject, payload ->> '$.rate.date',
    payload ->> '$.rate.base', payload ->> '$.rate.quote', payload ->> '$.rate.rate'
FROM parsed
WHERE type = 'rate';

CREATE OR REPLACE TEMP TABLE objects AS
SELECT
    seq, source_id, fact_id, occurred_at, identifiers, type, payload,
    CASE type
        WHEN 'lead' THEN payload -> '$.lead'
        WHEN 'deal' THEN payload -> '$.deal'
        ELSE payload -> '$.order'
    END AS part
FROM parsed
WHERE type IN ('lead', 'deal', 'order');

INSERT INTO object_facts
SELECT
    objects.seq, objects.source_id, objects.fact_id, objects.occurred_at, identifier_sets.set_id,
    objects.type, objects.part ->> '$.id', COALESCE(objects.part ->> '$.stage', objects.part ->> '$.status'),
    CAST(objects.part ->> '$.amount_minor' AS BIGINT), objects.part ->> '$.currency',
    CAST(objects.part ->> '$.cost_minor' AS BIGINT), (objects.part -> '$.items') IS NOT NULL,
    objects.part ->> '$.reason', objects.part ->> '$.lead_id', objects.part ->> '$.refund_id',
    objects.payload ->> '$.account.id', objects.payload ->> '$.account.domain'
FROM objects
LEFT JOIN identifier_sets ON identifier_sets.identifiers = objects.identifiers;

INSERT INTO object_contacts
SELECT contacts.seq, 'deal', contacts.object_id, identifier_sets.set_id
FROM (
    SELECT seq, part ->> '$.id' AS object_id, UNNEST(CAST(part -> '$.contacts' AS JSON[])) AS contact
    FROM objects WHERE type = 'deal'
) AS contacts
JOIN identifier_sets ON identifier_sets.identifiers = CAST(contacts.contact AS VARCHAR);

INSERT INTO account_facts
SELECT
    parsed.seq, parsed.source_id, parsed.fact_id, parsed.occurred_at, identifier_sets.set_id,
    parsed.payload ->> '$.account.id', parsed.payload ->> '$.account.domain',
    parsed.payload ->> '$.account.name', parsed.payload ->> '$.email_domain'
FROM parsed
JOIN identifier_sets ON identifier_sets.identifiers = parsed.identifiers
WHERE (parsed.payload -> '$.account') IS NOT NULL OR (parsed.payload -> '$.email_domain') IS NOT NULL;

INSERT INTO left_out
SELECT 'bot', COUNT(*) FROM parsed WHERE bot HAVING COUNT(*) > 0;

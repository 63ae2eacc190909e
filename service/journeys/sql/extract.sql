-- New facts into columns. `new_facts` is the stretch of the ledger after the watermark.
-- Dictionaries number what is new in the order of its first fact, so that a rebuild numbers alike.

-- The long text of a payload is read where it is needed and never copied; CONTAINS spares most
-- rows the parsing.

-- What is kept and counted, and left out unless a reader asks for it: robots and spam.
CREATE OR REPLACE TEMP TABLE flagged AS
SELECT seq, reason
FROM (
    SELECT seq,
        CASE WHEN payload ->> '$.bot' = 'true' THEN 'bot' WHEN payload ->> '$.spam' = 'true' THEN 'spam' END AS reason
    FROM new_facts
    WHERE NOT $with_bots AND (CONTAINS(payload, '"bot":true') OR CONTAINS(payload, '"spam":true'))
) AS marked
WHERE reason IS NOT NULL;

INSERT INTO left_out SELECT reason, COUNT(*) FROM flagged GROUP BY reason;

-- Page views, touches and spend lines. Addresses stay raw here: they are taken apart once for
-- each distinct one, in the dictionaries below. What a public key said is not `trusted`.
CREATE OR REPLACE TEMP TABLE located AS
SELECT
    seq, source_id, fact_id, type, occurred_at, identifiers, touch, trusted, type = 'page' AS is_page,
    SPLIT_PART(url, '?', 1) AS address, SPLIT_PART(url, '/', 3) AS page_authority,
    SPLIT_PART(referrer, '/', 3) AS referrer_authority
FROM (
    SELECT
        seq, source_id, fact_id, type, occurred_at,
        CAST(payload -> '$.identifiers' AS VARCHAR) AS identifiers,
        COALESCE(CAST(payload -> '$.touch' AS VARCHAR), '') AS touch,
        COALESCE(payload ->> '$.page.url', '') AS url,
        COALESCE(payload ->> '$.page.referrer', '') AS referrer,
        NOT (CONTAINS(payload, '"public":true') AND COALESCE(payload ->> '$.public', '') = 'true') AS trusted
    FROM new_facts
    WHERE type IN ('page', 'touch', 'spend') AND seq NOT IN (SELECT seq FROM flagged)
) AS parsed;

-- Everything else that names people.
CREATE OR REPLACE TEMP TABLE others AS
SELECT seq, source_id, fact_id, type, occurred_at, payload,
    CAST(payload -> '$.identifiers' AS VARCHAR) AS identifiers,
    NOT (CONTAINS(payload, '"public":true') AND COALESCE(payload ->> '$.public', '') = 'true') AS trusted
FROM new_facts
WHERE type NOT IN ('page', 'touch', 'spend', 'rate') AND seq NOT IN (SELECT seq FROM flagged);

-- How each fact names its people: one visitor says the same words each time.
CREATE OR REPLACE TEMP TABLE named AS
SELECT
    identifiers, MIN(seq) AS first_seq, MIN(occurred_at) AS first_at, MAX(occurred_at) AS last_at,
    BOOL_OR(trusted) AS trusted,
    ARG_MAX(seq, STRUCT_PACK(at := occurred_at, earlier := -seq)) FILTER (WHERE CONTAINS(identifiers, '","')) AS last_seq
FROM (
    SELECT seq, occurred_at, identifiers, trusted FROM located WHERE identifiers IS NOT NULL
    UNION ALL
    SELECT seq, occurred_at, identifiers, trusted FROM others WHERE identifiers IS NOT NULL
    UNION ALL
    SELECT seq, occurred_at, CAST(TO_JSON(contact) AS VARCHAR) AS identifiers, TRUE AS trusted
    FROM (
        SELECT seq, occurred_at, UNNEST(CAST(payload -> '$.deal.contacts' AS VARCHAR[][])) AS contact
        FROM others WHERE type = 'deal'
    ) AS contacts
    UNION ALL
    SELECT seq, occurred_at, CAST(TO_JSON([payload ->> '$.unlink.left']) AS VARCHAR) AS identifiers, TRUE AS trusted
    FROM others WHERE type = 'unlink'
    UNION ALL
    SELECT seq, occurred_at, CAST(TO_JSON([payload ->> '$.unlink.right']) AS VARCHAR) AS identifiers, TRUE AS trusted
    FROM others WHERE type = 'unlink'
) AS mentions
GROUP BY identifiers;

INSERT INTO identifier_sets
SELECT
    (SELECT COALESCE(MAX(set_id), 0) FROM identifier_sets)
    + ROW_NUMBER() OVER (ORDER BY found.first_seq, found.identifiers),
    found.identifiers
FROM named AS found
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
SELECT
    identifier_sets.set_id, named.first_at, named.last_at, named.trusted, named.first_seq,
    named.last_seq
FROM named
JOIN identifier_sets ON identifier_sets.identifiers = named.identifiers;

INSERT INTO set_seen SELECT set_id, first_at, last_at, trusted, first_seq, last_seq FROM chunk_sets;

INSERT INTO batch_sets SELECT set_id FROM chunk_sets;

INSERT INTO unlinks
SELECT others.seq, others.occurred_at, l.identifier_id, r.identifier_id
FROM others
JOIN identifiers AS l ON l.identifier = (others.payload ->> '$.unlink.left')
JOIN identifiers AS r ON r.identifier = (others.payload ->> '$.unlink.right')
WHERE others.type = 'unlink';

INSERT INTO pages
SELECT
    (SELECT COALESCE(MAX(page_id), 0) FROM pages)
    + ROW_NUMBER() OVER (ORDER BY found.first_seq, found.address),
    found.address,
    LOWER(SPLIT_PART(SPLIT_PART(SPLIT_PART(found.address, '/', 3), '#', 1), ':', 1)),
    COALESCE(NULLIF(REGEXP_REPLACE(SPLIT_PART(found.address, '#', 1), '^[^/]*//[^/]*', ''), ''), '/')
FROM (
    SELECT address, MIN(seq) AS first_seq FROM located WHERE address <> '' GROUP BY address
) AS found
LEFT JOIN pages ON pages.address = found.address
WHERE pages.page_id IS NULL;

INSERT INTO dimensions (dimension_id, is_page, touch, page_authority, referrer_authority)
SELECT
    (SELECT COALESCE(MAX(dimension_id), 0) FROM dimensions)
    + ROW_NUMBER() OVER (ORDER BY found.first_seq, found.touch, found.page_authority, found.referrer_authority),
    found.is_page, found.touch, found.page_authority, found.referrer_authority
FROM (
    SELECT is_page, touch, page_authority, referrer_authority, MIN(seq) AS first_seq
    FROM located GROUP BY is_page, touch, page_authority, referrer_authority
) AS found
LEFT JOIN dimensions AS known
    ON known.is_page = found.is_page AND known.touch = found.touch
    AND known.page_authority = found.page_authority
    AND known.referrer_authority = found.referrer_authority
WHERE known.dimension_id IS NULL;

INSERT INTO page_views
SELECT
    located.seq, located.source_id, located.fact_id, located.occurred_at,
    identifier_sets.set_id, dimensions.dimension_id, pages.page_id
FROM located
JOIN dimensions
    ON dimensions.is_page = located.is_page AND dimensions.touch = located.touch
    AND dimensions.page_authority = located.page_authority
    AND dimensions.referrer_authority = located.referrer_authority
JOIN identifier_sets ON identifier_sets.identifiers = located.identifiers
LEFT JOIN pages ON pages.address = located.address
WHERE located.type = 'page';

INSERT INTO touches
SELECT
    located.seq, located.source_id, located.fact_id, located.occurred_at,
    identifier_sets.set_id, dimensions.dimension_id, pages.page_id
FROM located
JOIN dimensions
    ON dimensions.is_page = located.is_page AND dimensions.touch = located.touch
    AND dimensions.page_authority = located.page_authority
    AND dimensions.referrer_authority = located.referrer_authority
JOIN identifier_sets ON identifier_sets.identifiers = located.identifiers
LEFT JOIN pages ON pages.address = located.address
WHERE located.type = 'touch';

INSERT INTO spend_facts
SELECT
    f.seq, f.source_id, f.fact_id, f.occurred_at, f.subject, f.payload ->> '$.spend.date',
    f.payload ->> '$.spend.source', f.payload ->> '$.spend.medium',
    f.payload ->> '$.spend.campaign_id', f.payload ->> '$.spend.campaign',
    f.payload ->> '$.spend.ad_group', f.payload ->> '$.spend.ad', f.payload ->> '$.spend.term',
    CAST(f.payload ->> '$.spend.amount_minor' AS BIGINT), f.payload ->> '$.spend.currency',
    CAST(f.payload ->> '$.spend.impressions' AS BIGINT),
    CAST(f.payload ->> '$.spend.clicks' AS BIGINT), dimensions.dimension_id,
    f.payload ->> '$.spend.account'
FROM new_facts AS f
JOIN located ON located.seq = f.seq
JOIN dimensions
    ON dimensions.is_page = located.is_page AND dimensions.touch = located.touch
    AND dimensions.page_authority = located.page_authority
    AND dimensions.referrer_authority = located.referrer_authority
WHERE f.type = 'spend' AND located.type = 'spend';

INSERT INTO rate_facts
SELECT
    seq, source_id, fact_id, occurred_at, subject, payload ->> '$.rate.date',
    payload ->> '$.rate.base', payload ->> '$.rate.quote', payload ->> '$.rate.rate'
FROM new_facts
WHERE type = 'rate';

CREATE OR REPLACE TEMP TABLE objects AS
SELECT
    seq, source_id, fact_id, occurred_at, identifiers, type, payload,
    CASE type
        WHEN 'lead' THEN payload -> '$.lead'
        WHEN 'deal' THEN payload -> '$.deal'
        ELSE payload -> '$.order'
    END AS part
FROM others
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
    SELECT seq, part ->> '$.id' AS object_id, UNNEST(CAST(part -> '$.contacts' AS VARCHAR[][])) AS contact
    FROM objects WHERE type = 'deal'
) AS contacts
JOIN identifier_sets ON identifier_sets.identifiers = CAST(TO_JSON(contacts.contact) AS VARCHAR);

INSERT INTO account_facts
SELECT
    f.seq, f.source_id, f.fact_id, f.occurred_at, identifier_sets.set_id,
    f.payload ->> '$.account.id', f.payload ->> '$.account.domain',
    f.payload ->> '$.account.name', f.payload ->> '$.email_domain'
FROM new_facts AS f
JOIN identifier_sets ON identifier_sets.identifiers = CAST(f.payload -> '$.identifiers' AS VARCHAR)
WHERE (CONTAINS(f.payload, '"account":') OR CONTAINS(f.payload, '"email_domain":'))
    AND ((f.payload -> '$.account') IS NOT NULL OR (f.payload -> '$.email_domain') IS NOT NULL)
    AND f.seq NOT IN (SELECT seq FROM flagged);

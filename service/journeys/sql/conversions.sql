-- Leads, deals and orders reach stages. Recomputed for the objects that new facts or newly
-- resolved people concern. A later stage implies the earlier ones of the same object.

CREATE OR REPLACE TEMP TABLE affected_objects AS
SELECT kind, object_id FROM object_facts WHERE seq > $after
UNION
SELECT f.kind, f.object_id
FROM object_facts AS f JOIN set_people ON set_people.set_id = f.set_id
WHERE set_people.person_id IN (SELECT person_id FROM affected_people)
UNION
SELECT c.kind, c.object_id
FROM object_contacts AS c JOIN set_people ON set_people.set_id = c.set_id
WHERE set_people.person_id IN (SELECT person_id FROM affected_people)
UNION
-- The account of a conversion is that of its person, or the one its domain stands for.
SELECT c.kind, c.object_id FROM conversions AS c
WHERE c.person_id IN (SELECT person_id FROM moved_people)
UNION
SELECT kind, object_id FROM object_facts WHERE domain IN (SELECT domain FROM moved_domains);

INSERT INTO affected_objects
SELECT DISTINCT f.kind, f.object_id
FROM object_facts AS f
JOIN affected_objects AS leads ON leads.kind = 'lead' AND leads.object_id = f.lead_id
LEFT JOIN affected_objects AS known ON known.kind = f.kind AND known.object_id = f.object_id
WHERE f.kind = 'deal' AND known.object_id IS NULL;

CREATE OR REPLACE TEMP TABLE ordered AS
SELECT
    f.kind, f.object_id, f.seq, f.occurred_at, f.stage, f.amount_minor, f.currency, f.cost_minor,
    f.has_items, f.lead_id, f.refund_id, f.fact_id, f.account_id, f.domain, set_people.person_id,
    ROW_NUMBER() OVER (
        PARTITION BY f.kind, f.object_id ORDER BY f.occurred_at, sources.name, f.fact_id
    ) AS place
FROM object_facts AS f
JOIN affected_objects ON affected_objects.kind = f.kind AND affected_objects.object_id = f.object_id
JOIN sources ON sources.source_id = f.source_id
LEFT JOIN set_people ON set_people.set_id = f.set_id;

CREATE OR REPLACE TEMP TABLE outcomes AS
SELECT
    o.kind, o.object_id, MIN(o.seq) AS first_seq,
    MIN(o.occurred_at) AS first_at,
    MIN(o.occurred_at) FILTER (WHERE o.stage IN ('mql', 'sql')) AS mql_at,
    MIN(o.occurred_at) FILTER (WHERE o.stage = 'sql') AS sql_at,
    MIN(o.occurred_at) FILTER (WHERE o.stage = 'completed') AS completed_at,
    MIN(o.occurred_at) FILTER (WHERE o.stage = 'won' AND o.place > COALESCE(n.place, 0)) AS won_at,
    MIN(o.occurred_at) FILTER (WHERE o.stage = 'refunded') AS refunded_at,
    MAX_BY(o.stage, o.place) FILTER (WHERE o.stage IS NOT NULL AND o.stage <> 'updated') AS state,
    MAX_BY(o.amount_minor, o.place) FILTER (WHERE o.amount_minor IS NOT NULL AND o.stage IS DISTINCT FROM 'refunded') AS amount_minor,
    MAX_BY(o.currency, o.place) FILTER (WHERE o.amount_minor IS NOT NULL AND o.stage IS DISTINCT FROM 'refunded') AS currency,
    MAX_BY(o.cost_minor, o.place) FILTER (WHERE o.has_items AND o.stage IS DISTINCT FROM 'refunded') AS cost_minor,
    MAX_BY(o.currency, o.place) FILTER (WHERE o.has_items AND o.stage IS DISTINCT FROM 'refunded') AS cost_currency,
    MAX_BY(o.lead_id, o.place) FILTER (WHERE o.lead_id IS NOT NULL) AS lead_id,
    MAX_BY(o.account_id, o.place) FILTER (WHERE o.account_id IS NOT NULL) AS account_id,
    MAX_BY(o.domain, o.place) FILTER (WHERE o.domain IS NOT NULL) AS domain
FROM ordered AS o
LEFT JOIN (
    -- the last time the deal was anything but won: it is won since the first `won` after that
    SELECT kind, object_id, MAX(place) AS place FROM ordered
    WHERE stage IN ('opportunity', 'lost') GROUP BY kind, object_id
) AS n ON n.kind = o.kind AND n.object_id = o.object_id
GROUP BY o.kind, o.object_id;

-- Everyone an object concerns: who sent its facts, its contacts, and the people of its lead.
CREATE OR REPLACE TEMP TABLE object_people AS
SELECT kind, object_id, person_id, place FROM ordered WHERE person_id IS NOT NULL
UNION ALL
SELECT c.kind, c.object_id, set_people.person_id, 1000000 AS place
FROM object_contacts AS c
JOIN affected_objects ON affected_objects.kind = c.kind AND affected_objects.object_id = c.object_id
JOIN set_people ON set_people.set_id = c.set_id
UNION ALL
SELECT outcomes.kind, outcomes.object_id, set_people.person_id, 2000000 AS place
FROM outcomes
JOIN object_facts AS leads ON leads.kind = 'lead' AND leads.object_id = outcomes.lead_id
JOIN set_people ON set_people.set_id = leads.set_id;

CREATE OR REPLACE TEMP TABLE main_people AS
SELECT kind, object_id, person_id
FROM (
    SELECT
        o.kind, o.object_id, o.person_id,
        ROW_NUMBER() OVER (PARTITION BY o.kind, o.object_id ORDER BY o.place, people.first_at, people.public_id) AS choice
    FROM object_people AS o JOIN people ON people.person_id = o.person_id
) AS choices
WHERE choice = 1;

CREATE OR REPLACE TEMP TABLE reached AS
SELECT kind, object_id, first_seq * 8 + 0 AS conversion_key, 'lead' AS stage, first_at AS occurred_at FROM outcomes WHERE kind = 'lead'
UNION ALL
SELECT kind, object_id, first_seq * 8 + 1, 'mql', mql_at FROM outcomes WHERE mql_at IS NOT NULL
UNION ALL
SELECT kind, object_id, first_seq * 8 + 2, 'sql', sql_at FROM outcomes WHERE sql_at IS NOT NULL
UNION ALL
SELECT kind, object_id, first_seq * 8 + 3, 'opportunity', first_at FROM outcomes WHERE kind = 'deal'
UNION ALL
SELECT kind, object_id, first_seq * 8 + 4, 'won', won_at FROM outcomes WHERE kind = 'deal' AND state = 'won'
UNION ALL
SELECT kind, object_id, first_seq * 8 + 4, 'won', completed_at FROM outcomes WHERE kind = 'order' AND completed_at IS NOT NULL
UNION ALL
-- money back for an order nobody reported: kept apart, never part of a stage
SELECT kind, object_id, first_seq * 8 + 5, 'refund_without_order', refunded_at FROM outcomes
WHERE kind = 'order' AND completed_at IS NULL AND refunded_at IS NOT NULL;

CREATE OR REPLACE TEMP TABLE affected_conversions AS
SELECT c.conversion_key
FROM conversions AS c
JOIN affected_objects AS a ON a.kind = c.kind AND a.object_id = c.object_id
UNION
SELECT conversion_key FROM reached;

DELETE FROM conversions WHERE conversion_key IN (SELECT conversion_key FROM affected_conversions);
DELETE FROM conversion_people WHERE conversion_key IN (SELECT conversion_key FROM affected_conversions);
DELETE FROM conversion_amounts WHERE conversion_key IN (SELECT conversion_key FROM affected_conversions);

INSERT INTO conversion_people
SELECT DISTINCT reached.conversion_key, object_people.person_id
FROM reached
JOIN object_people ON object_people.kind = reached.kind AND object_people.object_id = reached.object_id;

-- Earlier leads of the same people count as milestones; those of the object itself come first.
CREATE OR REPLACE TEMP TABLE person_leads AS
SELECT reached.conversion_key, MIN(f.occurred_at) AS lead_at,
    MIN(f.occurred_at) FILTER (WHERE f.stage IN ('mql', 'sql')) AS mql_at,
    MIN(f.occurred_at) FILTER (WHERE f.stage = 'sql') AS sql_at
FROM reached
JOIN conversion_people ON conversion_people.conversion_key = reached.conversion_key
JOIN set_people ON set_people.person_id = conversion_people.person_id
JOIN object_facts AS f ON f.set_id = set_people.set_id AND f.kind = 'lead' AND f.occurred_at <= reached.occurred_at
WHERE reached.kind <> 'lead'
GROUP BY reached.conversion_key;

CREATE OR REPLACE TEMP TABLE own_leads AS
SELECT outcomes.kind, outcomes.object_id, MIN(f.occurred_at) AS lead_at,
    MIN(f.occurred_at) FILTER (WHERE f.stage IN ('mql', 'sql')) AS mql_at,
    MIN(f.occurred_at) FILTER (WHERE f.stage = 'sql') AS sql_at
FROM outcomes
JOIN object_facts AS f ON f.kind = 'lead'
    AND f.object_id = CASE outcomes.kind WHEN 'lead' THEN outcomes.object_id ELSE outcomes.lead_id END
GROUP BY outcomes.kind, outcomes.object_id;

INSERT INTO conversions
SELECT
    reached.conversion_key, reached.stage || ':' || reached.kind || ':' || reached.object_id,
    reached.kind, reached.object_id, reached.stage, reached.occurred_at, main_people.person_id,
    COALESCE('id:' || outcomes.account_id, 'id:' || domain_accounts.account_id, 'domain:' || outcomes.domain, person_accounts.account_key),
    outcomes.cost_minor, outcomes.cost_currency,
    CASE WHEN COALESCE(own_leads.lead_at, person_leads.lead_at) <= reached.occurred_at THEN COALESCE(own_leads.lead_at, person_leads.lead_at) END,
    CASE WHEN COALESCE(own_leads.mql_at, person_leads.mql_at) <= reached.occurred_at THEN COALESCE(own_leads.mql_at, person_leads.mql_at) END,
    CASE WHEN COALESCE(own_leads.sql_at, person_leads.sql_at) <= reached.occurred_at THEN COALESCE(own_leads.sql_at, person_leads.sql_at) END,
    CASE WHEN reached.kind = 'deal' THEN outcomes.first_at END,
    outcomes.state
FROM reached
JOIN outcomes ON outcomes.kind = reached.kind AND outcomes.object_id = reached.object_id
LEFT JOIN main_people ON main_people.kind = reached.kind AND main_people.object_id = reached.object_id
LEFT JOIN person_accounts ON person_accounts.person_id = main_people.person_id
LEFT JOIN domain_accounts ON domain_accounts.domain = outcomes.domain
LEFT JOIN own_leads ON own_leads.kind = reached.kind AND own_leads.object_id = reached.object_id
LEFT JOIN person_leads ON person_leads.conversion_key = reached.conversion_key;

-- What a conversion is worth, part by part, each with the moment whose exchange rate holds for it.
INSERT INTO conversion_amounts
SELECT conversion_key, part, amount_minor, currency, occurred_at,
    STRFTIME(TO_TIMESTAMP(occurred_at / 1000000) AT TIME ZONE $zone, '%Y-%m-%d')
FROM (
    SELECT reached.conversion_key, reached.stage AS part, outcomes.amount_minor, outcomes.currency, reached.occurred_at
    FROM reached
    JOIN outcomes ON outcomes.kind = reached.kind AND outcomes.object_id = reached.object_id
    WHERE reached.stage IN ('opportunity', 'won') AND outcomes.amount_minor IS NOT NULL
    UNION ALL
    SELECT reached.conversion_key, 'refund', -COALESCE(refunds.amount_minor, outcomes.amount_minor),
        COALESCE(refunds.currency, outcomes.currency), refunds.occurred_at
    FROM (
        SELECT kind, object_id, COALESCE(refund_id, fact_id) AS refund,
            MAX_BY(amount_minor, place) AS amount_minor, MAX_BY(currency, place) AS currency,
            MIN(occurred_at) AS occurred_at
        FROM ordered WHERE stage = 'refunded'
        GROUP BY kind, object_id, COALESCE(refund_id, fact_id)
    ) AS refunds
    JOIN outcomes ON outcomes.kind = refunds.kind AND outcomes.object_id = refunds.object_id
    JOIN reached ON reached.kind = refunds.kind AND reached.object_id = refunds.object_id
    WHERE COALESCE(refunds.amount_minor, outcomes.amount_minor) IS NOT NULL
) AS parts;

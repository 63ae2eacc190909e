-- The touchpoints before each conversion, without limit: the lookback is the reader's question.
-- `of_person`: of the people of the conversion itself; the others are of its account.

INSERT INTO affected_conversions
SELECT c.conversion_key
FROM conversions AS c
LEFT JOIN affected_conversions AS known ON known.conversion_key = c.conversion_key
WHERE c.account_key IN (SELECT account_key FROM affected_accounts) AND known.conversion_key IS NULL;

DELETE FROM journeys WHERE conversion_key IN (SELECT conversion_key FROM affected_conversions);
DELETE FROM reach WHERE conversion_key IN (SELECT conversion_key FROM affected_conversions);

CREATE OR REPLACE TEMP TABLE journey_people AS
SELECT conversion_key, person_id, BOOL_OR(of_person) AS of_person
FROM (
    SELECT conversion_people.conversion_key, conversion_people.person_id, TRUE AS of_person
    FROM conversion_people
    JOIN affected_conversions ON affected_conversions.conversion_key = conversion_people.conversion_key
    UNION ALL
    SELECT c.conversion_key, person_accounts.person_id, FALSE AS of_person
    FROM conversions AS c
    JOIN affected_conversions ON affected_conversions.conversion_key = c.conversion_key
    JOIN person_accounts ON person_accounts.account_key = c.account_key
) AS everyone
GROUP BY conversion_key, person_id;

INSERT INTO journeys
SELECT
    c.conversion_key, c.stage, c.occurred_at,
    ROW_NUMBER() OVER (PARTITION BY c.conversion_key ORDER BY t.occurred_at, t.tie, people.public_id) AS position,
    t.occurred_at, t.dimension_id, t.page_id, journey_people.of_person, t.seq
FROM journey_people
JOIN conversions AS c ON c.conversion_key = journey_people.conversion_key
JOIN touchpoints AS t ON t.person_id = journey_people.person_id AND t.occurred_at <= c.occurred_at
JOIN people ON people.person_id = t.person_id
ORDER BY c.conversion_key, position;

-- When the earliest touchpoint of each scope happened, to say why a conversion has no journey.
INSERT INTO reach
SELECT
    journey_people.conversion_key,
    MIN(t.occurred_at) FILTER (WHERE journey_people.of_person),
    MIN(t.occurred_at)
FROM journey_people
JOIN touchpoints AS t ON t.person_id = journey_people.person_id
GROUP BY journey_people.conversion_key;

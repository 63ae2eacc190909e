-- The clusters that the new facts touch: their identifiers, links and unlinks. A cluster's
-- people depend on nothing outside it.

CREATE OR REPLACE TEMP TABLE touched AS
SELECT DISTINCT set_members.identifier_id
FROM batch_sets JOIN set_members ON set_members.set_id = batch_sets.set_id;

CREATE OR REPLACE TEMP TABLE area AS
SELECT identifier_people.identifier_id, identifier_people.person_id
FROM identifier_people
WHERE identifier_people.cluster_id IN (
    SELECT known.cluster_id
    FROM identifier_people AS known JOIN touched ON touched.identifier_id = known.identifier_id
)
UNION
SELECT touched.identifier_id, known.person_id
FROM touched LEFT JOIN identifier_people AS known ON known.identifier_id = touched.identifier_id;

CREATE OR REPLACE TEMP TABLE area_sets AS
SELECT set_members.set_id, COUNT(*) AS members
FROM set_members JOIN area ON area.identifier_id = set_members.identifier_id
GROUP BY set_members.set_id;

-- `vouched`: a server named this person. `node` numbers the area from 0; `place` orders its identifiers from the earliest.
CREATE OR REPLACE TEMP TABLE nodes AS
SELECT
    area.identifier_id, area.person_id, identifiers.known, identifiers.identifier, seen.first_at,
    identifiers.known AND seen.trusted AS vouched,
    ROW_NUMBER() OVER (ORDER BY area.identifier_id) - 1 AS node,
    ROW_NUMBER() OVER (ORDER BY seen.first_at, identifiers.identifier) AS place
FROM area
JOIN identifiers ON identifiers.identifier_id = area.identifier_id
JOIN (
    SELECT set_members.identifier_id, MIN(set_seen.first_at) AS first_at, BOOL_OR(set_seen.trusted) AS trusted
    FROM area_sets
    JOIN set_members ON set_members.set_id = area_sets.set_id
    JOIN set_seen ON set_seen.set_id = area_sets.set_id
    GROUP BY set_members.identifier_id
) AS seen ON seen.identifier_id = area.identifier_id;

CREATE OR REPLACE TEMP TABLE links AS
SELECT l.node AS left_node, r.node AS right_node, seen.first_at, seen.last_at, seen.trusted
FROM area_sets
JOIN (
    SELECT set_id, MIN(first_at) AS first_at, MAX(last_at) AS last_at, BOOL_OR(trusted) AS trusted
    FROM set_seen GROUP BY set_id
) AS seen
    ON seen.set_id = area_sets.set_id
JOIN set_members AS lm ON lm.set_id = area_sets.set_id
JOIN set_members AS rm ON rm.set_id = area_sets.set_id AND rm.identifier_id > lm.identifier_id
JOIN nodes AS l ON l.identifier_id = lm.identifier_id
JOIN nodes AS r ON r.identifier_id = rm.identifier_id
WHERE area_sets.members > 1;

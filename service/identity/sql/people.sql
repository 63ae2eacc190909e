-- What was resolved goes back: `resolved` holds, per node, the nodes that stand for its person and
-- its cluster, and whether it is shared.

CREATE OR REPLACE TEMP TABLE resolved_people AS
SELECT
    nodes.identifier_id, clusters.identifier_id AS cluster_id, persons.identifier_id AS person_id,
    resolved.shared
FROM resolved
JOIN nodes ON nodes.node = resolved.node
JOIN nodes AS clusters ON clusters.node = resolved.cluster_node
JOIN nodes AS persons ON persons.node = resolved.person_node;

CREATE OR REPLACE TEMP TABLE affected_people AS
SELECT person_id FROM area WHERE person_id IS NOT NULL
UNION
SELECT person_id FROM resolved_people;

DELETE FROM identifier_people WHERE identifier_id IN (SELECT identifier_id FROM area);

INSERT INTO identifier_people SELECT identifier_id, cluster_id, person_id, shared FROM resolved_people;

-- A fact belongs to the person of its first identifier that is not shared, named ones first.
DELETE FROM set_people WHERE set_id IN (SELECT set_id FROM area_sets);

INSERT INTO set_people
SELECT set_id, person_id
FROM (
    SELECT
        set_members.set_id, resolved_people.person_id,
        ROW_NUMBER() OVER (
            PARTITION BY set_members.set_id
            ORDER BY resolved_people.shared, NOT nodes.known, nodes.identifier
        ) AS choice
    FROM area_sets
    JOIN set_members ON set_members.set_id = area_sets.set_id
    JOIN resolved_people ON resolved_people.identifier_id = set_members.identifier_id
    JOIN nodes ON nodes.identifier_id = set_members.identifier_id
) AS choices
WHERE choice = 1;

DELETE FROM people WHERE person_id IN (SELECT person_id FROM affected_people);

INSERT INTO people
SELECT
    resolved_people.person_id, 'p_' || SUBSTRING(MD5(first.identifier), 1, 16),
    MIN(nodes.first_at), BOOL_OR(nodes.known)
FROM resolved_people
JOIN nodes ON nodes.identifier_id = resolved_people.identifier_id
JOIN nodes AS first ON first.identifier_id = resolved_people.person_id
GROUP BY resolved_people.person_id, first.identifier;

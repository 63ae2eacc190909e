-- Touchpoints that were sent as such, beside the visits. At one instant a click comes before the
-- visit it led to; several of a kind go by source and id.

INSERT INTO touchpoints
SELECT
    set_people.person_id, touches.occurred_at,
    ROW_NUMBER() OVER (
        PARTITION BY set_people.person_id, touches.occurred_at ORDER BY sources.name, touches.fact_id
    ) - 1000000,
    touches.seq, touches.dimension_id, touches.page_id, touches.occurred_at, 0
FROM touches
JOIN set_people ON set_people.set_id = touches.set_id
JOIN sources ON sources.source_id = touches.source_id
WHERE set_people.person_id IN (SELECT person_id FROM affected_people);

-- The page views of some of the affected people, in the order in which they happened.
SELECT
    set_people.person_id, page_views.occurred_at, page_views.seq, page_views.dimension_id,
    page_views.page_id
FROM page_views
JOIN set_people ON set_people.set_id = page_views.set_id
JOIN sources ON sources.source_id = page_views.source_id
WHERE set_people.person_id IN (SELECT person_id FROM part_people)
ORDER BY set_people.person_id, page_views.occurred_at, sources.name, page_views.fact_id

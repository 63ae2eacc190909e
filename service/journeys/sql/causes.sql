-- The cause of change that each fact of `coming` stands for, seen from a mart that ends before them.
-- What was known is what the mart holds: the first rule that fits decides, so each has one cause.

INSERT INTO stretch
SELECT
    f.seq, f.source_id, f.fact_id, f.type, f.occurred_at, f.received_at, f.payload, f.subject,
    CASE
        WHEN f.type = 'spend' AND lines.subject IS NOT NULL THEN 'spend_restated'
        WHEN f.type = 'rate' THEN 'exchange_rates'
        WHEN f.type = 'erasure' THEN 'erasure'
        WHEN f.type IN ('identify', 'group', 'unlink', 'consent') THEN 'identity'
        WHEN known.object_id IS NOT NULL THEN 'deals_changed'
        -- a spend line happened on its day, whenever it was stated
        WHEN f.type = 'spend'
            AND f.payload ->> '$.spend.date' < STRFTIME(TO_TIMESTAMP($moment / 1000000) AT TIME ZONE 'UTC', '%Y-%m-%d')
            THEN 'late_facts'
        WHEN f.type <> 'spend' AND f.occurred_at < $moment THEN 'late_facts'
        ELSE 'new_facts'
    END
FROM coming AS f
LEFT JOIN (SELECT DISTINCT source_id, subject FROM spend_facts) AS lines
    ON lines.source_id = f.source_id AND lines.subject = f.subject
LEFT JOIN (SELECT DISTINCT kind, object_id FROM object_facts) AS known
    ON known.kind = f.type
    AND known.object_id = CASE f.type
        WHEN 'lead' THEN f.payload ->> '$.lead.id'
        WHEN 'deal' THEN f.payload ->> '$.deal.id'
        WHEN 'order' THEN f.payload ->> '$.order.id'
    END;

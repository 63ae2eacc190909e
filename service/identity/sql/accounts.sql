-- A person's account: what the CRM said last, else the company domain of the e-mail address.
-- A domain that was once named together with a CRM id stands for that id.

CREATE OR REPLACE TEMP TABLE account_evidence AS
SELECT
    set_people.person_id, f.account_id, f.domain, f.email_domain,
    ROW_NUMBER() OVER (ORDER BY f.occurred_at, sources.name, f.fact_id) AS place
FROM account_facts AS f
JOIN set_people ON set_people.set_id = f.set_id
JOIN sources ON sources.source_id = f.source_id;

CREATE OR REPLACE TEMP TABLE domain_accounts AS
SELECT domain, MAX_BY(account_id, place) AS account_id
FROM (
    SELECT domain, account_id, place FROM account_evidence
    WHERE domain IS NOT NULL AND account_id IS NOT NULL
    UNION ALL
    SELECT domain, account_id, 0 AS place FROM object_facts
    WHERE domain IS NOT NULL AND account_id IS NOT NULL
) AS named
GROUP BY domain;

CREATE OR REPLACE TEMP TABLE new_person_accounts AS
SELECT
    person_id,
    COALESCE('id:' || account_id, 'id:' || mapped_id, 'domain:' || domain) AS account_key
FROM (
    SELECT chosen.person_id, chosen.account_id, chosen.domain, domain_accounts.account_id AS mapped_id
    FROM (
        SELECT
            person_id,
            MAX_BY(account_id, place) FILTER (WHERE account_id IS NOT NULL) AS account_id,
            COALESCE(
                MAX_BY(domain, place) FILTER (WHERE domain IS NOT NULL),
                MAX_BY(email_domain, place) FILTER (WHERE email_domain IS NOT NULL)
            ) AS domain
        FROM account_evidence
        GROUP BY person_id
    ) AS chosen
    LEFT JOIN domain_accounts ON domain_accounts.domain = chosen.domain
) AS mapped;

-- Accounts that gained or lost a person, or one of whose people has news.
CREATE OR REPLACE TEMP TABLE affected_accounts AS
SELECT account_key FROM (
    SELECT person_id, account_key FROM new_person_accounts
    EXCEPT
    SELECT person_id, account_key FROM person_accounts
) AS came
UNION
SELECT account_key FROM (
    SELECT person_id, account_key FROM person_accounts
    EXCEPT
    SELECT person_id, account_key FROM new_person_accounts
) AS went
UNION
SELECT account_key FROM new_person_accounts
WHERE person_id IN (SELECT person_id FROM affected_people)
UNION
SELECT account_key FROM person_accounts
WHERE person_id IN (SELECT person_id FROM affected_people);

DELETE FROM person_accounts;

INSERT INTO person_accounts SELECT person_id, account_key FROM new_person_accounts;

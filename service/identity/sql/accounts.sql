-- A person's account: what the CRM said last, else the company domain of the e-mail address.
-- A domain that was once named together with a CRM id stands for that id.

CREATE OR REPLACE TEMP TABLE account_evidence AS
SELECT
    set_people.person_id, f.account_id, f.domain, f.email_domain,
    ROW_NUMBER() OVER (ORDER BY f.occurred_at, sources.name, f.fact_id) AS place
FROM account_facts AS f
JOIN set_people ON set_people.set_id = f.set_id
JOIN sources ON sources.source_id = f.source_id;

CREATE OR REPLACE TEMP TABLE new_domain_accounts AS
SELECT domain, MAX_BY(account_id, place) AS account_id
FROM (
    SELECT
        f.domain, f.account_id,
        ROW_NUMBER() OVER (ORDER BY f.occurred_at, sources.name, f.fact_id) AS place
    FROM (
        SELECT source_id, fact_id, occurred_at, domain, account_id FROM account_facts
        UNION
        SELECT source_id, fact_id, occurred_at, domain, account_id FROM object_facts
    ) AS f
    JOIN sources ON sources.source_id = f.source_id
    WHERE f.domain IS NOT NULL AND f.account_id IS NOT NULL
) AS named
GROUP BY domain;

-- Domains that stand for another account than before, for the deals that know no more than one.
CREATE OR REPLACE TEMP TABLE moved_domains AS
SELECT domain FROM (
    SELECT domain, account_id FROM new_domain_accounts
    EXCEPT
    SELECT domain, account_id FROM domain_accounts
) AS named;

DELETE FROM domain_accounts;

INSERT INTO domain_accounts SELECT domain, account_id FROM new_domain_accounts;

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

-- Who came to an account or went from one.
CREATE OR REPLACE TEMP TABLE moved_people AS
SELECT person_id, account_key FROM (
    SELECT person_id, account_key FROM new_person_accounts
    EXCEPT
    SELECT person_id, account_key FROM person_accounts
) AS came
UNION ALL
SELECT person_id, account_key FROM (
    SELECT person_id, account_key FROM person_accounts
    EXCEPT
    SELECT person_id, account_key FROM new_person_accounts
) AS went;

-- Accounts that gained or lost a person, or one of whose people has news.
CREATE OR REPLACE TEMP TABLE affected_accounts AS
SELECT account_key FROM moved_people
UNION
SELECT account_key FROM new_person_accounts
WHERE person_id IN (SELECT person_id FROM affected_people)
UNION
SELECT account_key FROM person_accounts
WHERE person_id IN (SELECT person_id FROM affected_people);

DELETE FROM person_accounts;

INSERT INTO person_accounts SELECT person_id, account_key FROM new_person_accounts;

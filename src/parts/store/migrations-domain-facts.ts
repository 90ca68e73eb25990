/**
 * What is remembered of recipient domains (core/domain-facts.ts): found by a keyed hash of the domain, sealed like an address. How many
 * there are of each kind is kept by triggers, so that a full kind is noticed without counting. Never edited once released.
 */
export const DOMAIN_FACTS = `
CREATE TABLE domain_fact (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  domain_index TEXT NOT NULL,
  sealed TEXT NOT NULL,
  written_at INTEGER NOT NULL,
  look_at INTEGER,
  forget_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX domain_fact_of_domain ON domain_fact (kind, domain_index);
CREATE INDEX domain_fact_due ON domain_fact (kind, look_at) WHERE look_at IS NOT NULL;
CREATE INDEX domain_fact_written ON domain_fact (kind, written_at);
CREATE INDEX domain_fact_forgotten ON domain_fact (forget_at);

CREATE TABLE domain_fact_tally (kind TEXT NOT NULL PRIMARY KEY, facts INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER domain_fact_added AFTER INSERT ON domain_fact BEGIN
  INSERT INTO domain_fact_tally VALUES (NEW.kind, 1) ON CONFLICT DO UPDATE SET facts = facts + 1;
END;
CREATE TRIGGER domain_fact_gone AFTER DELETE ON domain_fact BEGIN
  UPDATE domain_fact_tally SET facts = facts - 1 WHERE kind = OLD.kind;
END;
`;

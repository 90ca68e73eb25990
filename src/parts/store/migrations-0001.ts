/**
 * Schema 1 of the state database: queue and audit side by side, so that both commit in one transaction. Columns named
 * `sealed…` hold text encrypted by core Sealer; `address_index` is a keyed hash; nothing else may hold content.
 * Never edited once released: a change is a new migration.
 */
export const QUEUE_AND_AUDIT = `
CREATE TABLE message (
  id TEXT NOT NULL PRIMARY KEY,
  origin TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  body_locator TEXT NOT NULL,
  sealed TEXT NOT NULL,
  sealed_findings TEXT,
  ended_at INTEGER
) STRICT;
CREATE INDEX message_ended ON message (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE blob (
  locator TEXT NOT NULL,
  message_id TEXT NOT NULL REFERENCES message (id),
  size_bytes INTEGER NOT NULL,
  wrapped_key TEXT NOT NULL,
  PRIMARY KEY (locator, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_of_message ON blob (message_id);

CREATE TABLE variant (
  id TEXT NOT NULL PRIMARY KEY,
  message_id TEXT NOT NULL REFERENCES message (id),
  sealed TEXT NOT NULL
) STRICT;
CREATE INDEX variant_of_message ON variant (message_id);

CREATE TABLE recipient (
  id TEXT NOT NULL PRIMARY KEY,
  message_id TEXT NOT NULL REFERENCES message (id),
  ordinal INTEGER NOT NULL,
  address_index TEXT NOT NULL,
  sealed TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN
    ('received', 'ready', 'in_dialog', 'dot_sent', 'deferred', 'held', 'delivered', 'failed', 'cancelled')),
  fence INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  sealed_plan TEXT,
  step_index INTEGER NOT NULL DEFAULT 0,
  variant_id TEXT,
  unmet_since INTEGER,
  possible_duplicate INTEGER NOT NULL DEFAULT 0 CHECK (possible_duplicate IN (0, 1)),
  deadline_at INTEGER,
  hold_released INTEGER NOT NULL DEFAULT 0 CHECK (hold_released IN (0, 1)),
  notices_sent INTEGER NOT NULL DEFAULT 0,
  last_code TEXT,
  sealed_reply TEXT,
  last_host TEXT,
  lease_owner TEXT,
  lease_until INTEGER,
  ended_at INTEGER,
  -- When the queue hands it out; NULL after the end, so that the index below holds hot rows only. A dialog is guarded by its
  -- lease: once that has run out, whoever led the dialog is gone.
  queue_at INTEGER GENERATED ALWAYS AS (
    CASE WHEN state = 'held' THEN deadline_at WHEN ended_at IS NULL THEN due_at END) VIRTUAL,
  -- Nothing waits silently: what is held has a deadline.
  CHECK (state <> 'held' OR deadline_at IS NOT NULL),
  CHECK ((lease_owner IS NULL) = (lease_until IS NULL)),
  CHECK ((state IN ('delivered', 'failed', 'cancelled')) = (ended_at IS NOT NULL))
) STRICT;
-- Holds the lease too: leased rows are skipped, and at start found, without reading the table.
CREATE INDEX recipient_queue ON recipient (queue_at, id, lease_until) WHERE queue_at IS NOT NULL;
CREATE UNIQUE INDEX recipient_of_message ON recipient (message_id, ordinal);
CREATE INDEX recipient_by_state ON recipient (state, message_id, ordinal);
CREATE INDEX recipient_by_address ON recipient (address_index, message_id, ordinal);

-- A message is caused at most once per parent recipient, kind and step, also after the child itself was forgotten.
CREATE TABLE child (
  parent_recipient_id TEXT NOT NULL REFERENCES recipient (id),
  kind TEXT NOT NULL,
  step INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  UNIQUE (parent_recipient_id, kind, step)
) STRICT;

-- Recipients by state, kept by triggers: counting must not read the whole queue.
CREATE TABLE tally (state TEXT NOT NULL PRIMARY KEY, recipients INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO tally VALUES ('received', 0), ('ready', 0), ('in_dialog', 0), ('dot_sent', 0), ('deferred', 0), ('held', 0),
  ('delivered', 0), ('failed', 0), ('cancelled', 0);
CREATE TRIGGER recipient_added AFTER INSERT ON recipient BEGIN
  UPDATE tally SET recipients = recipients + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER recipient_moved AFTER UPDATE OF state ON recipient WHEN OLD.state <> NEW.state BEGIN
  UPDATE tally SET recipients = recipients - 1 WHERE state = OLD.state;
  UPDATE tally SET recipients = recipients + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER recipient_forgotten AFTER DELETE ON recipient BEGIN
  UPDATE tally SET recipients = recipients - 1 WHERE state = OLD.state;
END;

CREATE TABLE audit (
  seq INTEGER NOT NULL PRIMARY KEY,
  at INTEGER NOT NULL,
  message_id TEXT,
  recipient_id TEXT,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE INDEX audit_of_message ON audit (message_id, seq) WHERE message_id IS NOT NULL;
CREATE TRIGGER audit_never_updated BEFORE UPDATE ON audit BEGIN
  SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_never_deleted BEFORE DELETE ON audit BEGIN
  SELECT RAISE(ABORT, 'the audit is append-only');
END;
-- Also refuses INSERT OR REPLACE, which deletes without firing the trigger above.
CREATE TRIGGER audit_only_appended BEFORE INSERT ON audit
  WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit) BEGIN
  SELECT RAISE(ABORT, 'the audit is append-only');
END;
`;

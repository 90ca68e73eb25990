/**
 * Rows of the audit chain may leave from its beginning, once an anchor says so; until then it stays append-only. Legal holds, and an
 * index for the rows by which the chain speaks of itself. Never edited once released: a change is a new migration.
 */
export const AUDIT_RETENTION = `
CREATE INDEX audit_marks ON audit (kind, seq) WHERE kind IN ('checkpoint', 'anchor');

-- What identifies the chain after its first row is gone, and how far rows may be deleted. Written with the anchor, in one transaction.
CREATE TABLE audit_removal (
  only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
  chain_id TEXT NOT NULL,
  through_seq INTEGER NOT NULL
) STRICT;
DROP TRIGGER audit_never_deleted;
CREATE TRIGGER audit_deleted_up_to_the_anchor BEFORE DELETE ON audit
  WHEN OLD.seq > coalesce((SELECT through_seq FROM audit_removal), 0) BEGIN
  SELECT RAISE(ABORT, 'the audit is append-only');
END;

-- AUTOINCREMENT: the number of a lifted hold never comes back.
CREATE TABLE legal_hold (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  message_id TEXT,
  since INTEGER,
  until INTEGER,
  placed_at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  CHECK ((message_id IS NULL) = (since IS NOT NULL)),
  CHECK (until IS NULL OR (since IS NOT NULL AND until > since))
) STRICT;
`;

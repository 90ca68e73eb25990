/**
 * Schema 4: requests for a second person's approval. Whoever asked and why is in the audit too; here it is what is still open. Forgotten
 * with the message. Never edited once released.
 */
export const APPROVALS = `
CREATE TABLE approval (
  id TEXT NOT NULL PRIMARY KEY,
  recipient_id TEXT NOT NULL REFERENCES recipient (id),
  act TEXT NOT NULL CHECK (act IN ('release', 'refuse')),
  uid INTEGER NOT NULL,
  user TEXT NOT NULL,
  sudo_user TEXT,
  reason TEXT NOT NULL,
  requested_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'approved', 'rejected', 'expired')),
  closed_at INTEGER,
  CHECK ((state = 'open') = (closed_at IS NULL))
) STRICT;
-- One wish at a time: two could contradict each other.
CREATE UNIQUE INDEX approval_open ON approval (recipient_id) WHERE state = 'open';
CREATE INDEX approval_expiry ON approval (expires_at) WHERE state = 'open';
CREATE INDEX approval_of_recipient ON approval (recipient_id);
`;

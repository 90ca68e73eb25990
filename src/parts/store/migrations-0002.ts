/**
 * Schema 2: lanes and fair shares. A recipient belongs to a lane (keyed hash of its domain) and a sender (keyed hash of
 * submitter and envelope sender). What is free to be claimed lies in one partial index by sender, lane and due time; `flow` and
 * `sender` hold, for each pair and each sender, a time not after its earliest due one, so that a claim never reads what is not
 * due, leased or finished. Rows from before share by message: no keyed hash can be made here. Never edited once released.
 */
export const LANES_AND_SHARES = `
ALTER TABLE recipient ADD COLUMN lane TEXT NOT NULL DEFAULT '';
ALTER TABLE recipient ADD COLUMN sender TEXT NOT NULL DEFAULT '';
UPDATE recipient SET lane = message_id, sender = message_id WHERE ended_at IS NULL;

DROP INDEX recipient_queue;
CREATE INDEX recipient_free ON recipient (sender, lane, queue_at) WHERE queue_at IS NOT NULL AND lease_until IS NULL;
CREATE INDEX recipient_leased ON recipient (lease_until) WHERE lease_until IS NOT NULL;

CREATE TABLE flow (
  sender TEXT NOT NULL,
  lane TEXT NOT NULL,
  next_at INTEGER NOT NULL,
  PRIMARY KEY (sender, lane)
) STRICT, WITHOUT ROWID;
CREATE INDEX flow_due ON flow (sender, next_at);
CREATE INDEX flow_of_lane ON flow (lane, next_at);
CREATE TABLE sender (id TEXT NOT NULL PRIMARY KEY, next_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX sender_due ON sender (next_at, id);
INSERT INTO flow SELECT sender, lane, min(queue_at) FROM recipient
  WHERE queue_at IS NOT NULL AND lease_until IS NULL GROUP BY sender, lane;
INSERT INTO sender SELECT sender, min(next_at) FROM flow GROUP BY sender;

CREATE TRIGGER recipient_free_at_birth AFTER INSERT ON recipient WHEN NEW.queue_at IS NOT NULL AND NEW.lease_until IS NULL BEGIN
  INSERT INTO flow VALUES (NEW.sender, NEW.lane, NEW.queue_at)
    ON CONFLICT DO UPDATE SET next_at = excluded.next_at WHERE excluded.next_at < next_at;
  INSERT INTO sender VALUES (NEW.sender, NEW.queue_at)
    ON CONFLICT DO UPDATE SET next_at = excluded.next_at WHERE excluded.next_at < next_at;
END;
CREATE TRIGGER recipient_freed AFTER UPDATE OF state, due_at, deadline_at, lease_until ON recipient
  WHEN NEW.queue_at IS NOT NULL AND NEW.lease_until IS NULL AND
    (OLD.lease_until IS NOT NULL OR OLD.queue_at IS NULL OR NEW.queue_at < OLD.queue_at) BEGIN
  INSERT INTO flow VALUES (NEW.sender, NEW.lane, NEW.queue_at)
    ON CONFLICT DO UPDATE SET next_at = excluded.next_at WHERE excluded.next_at < next_at;
  INSERT INTO sender VALUES (NEW.sender, NEW.queue_at)
    ON CONFLICT DO UPDATE SET next_at = excluded.next_at WHERE excluded.next_at < next_at;
END;
`;

/**
 * Schema 8: recipients by state and the bytes of queued messages as rows of one table, so that a transaction which changes both, as that
 * of every new message does, writes one page for them. Kept by triggers as before. Never edited once released.
 */
export const TOTALS = `
CREATE TABLE total (name TEXT NOT NULL PRIMARY KEY, amount INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO total SELECT state, recipients FROM tally UNION ALL SELECT 'queued bytes', bytes FROM queued_bytes;

DROP TRIGGER recipient_added;
DROP TRIGGER recipient_moved;
DROP TRIGGER recipient_forgotten;
DROP TRIGGER blob_queued;
DROP TRIGGER message_left_queue;
DROP TRIGGER blob_unqueued;
DROP TABLE tally;
DROP TABLE queued_bytes;

CREATE TRIGGER recipient_added AFTER INSERT ON recipient BEGIN
  UPDATE total SET amount = amount + 1 WHERE name = NEW.state;
END;
CREATE TRIGGER recipient_moved AFTER UPDATE OF state ON recipient WHEN OLD.state <> NEW.state BEGIN
  UPDATE total SET amount = amount - 1 WHERE name = OLD.state;
  UPDATE total SET amount = amount + 1 WHERE name = NEW.state;
END;
CREATE TRIGGER recipient_forgotten AFTER DELETE ON recipient BEGIN
  UPDATE total SET amount = amount - 1 WHERE name = OLD.state;
END;
CREATE TRIGGER blob_queued AFTER INSERT ON blob
  WHEN (SELECT ended_at FROM message WHERE id = NEW.message_id) IS NULL BEGIN
  UPDATE total SET amount = amount + NEW.size_bytes WHERE name = 'queued bytes';
END;
CREATE TRIGGER message_left_queue AFTER UPDATE OF ended_at ON message
  WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL BEGIN
  UPDATE total SET amount = amount - coalesce((SELECT sum(size_bytes) FROM blob WHERE message_id = NEW.id), 0)
    WHERE name = 'queued bytes';
END;
CREATE TRIGGER blob_unqueued AFTER DELETE ON blob
  WHEN (SELECT ended_at FROM message WHERE id = OLD.message_id) IS NULL BEGIN
  UPDATE total SET amount = amount - OLD.size_bytes WHERE name = 'queued bytes';
END;
`;

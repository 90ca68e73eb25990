/**
 * Schema 3: the stored bytes of messages that have not ended, kept by triggers so that nobody has to add them up. A body goes
 * on lying on the disk until it is forgotten; from its message's end on it is no longer part of the queue.
 */
export const QUEUED_BYTES = `
CREATE TABLE queued_bytes (bytes INTEGER NOT NULL) STRICT;
INSERT INTO queued_bytes SELECT coalesce(sum(blob.size_bytes), 0) FROM blob
  JOIN message ON message.id = blob.message_id WHERE message.ended_at IS NULL;
CREATE TRIGGER blob_queued AFTER INSERT ON blob
  WHEN (SELECT ended_at FROM message WHERE id = NEW.message_id) IS NULL BEGIN
  UPDATE queued_bytes SET bytes = bytes + NEW.size_bytes;
END;
CREATE TRIGGER message_left_queue AFTER UPDATE OF ended_at ON message
  WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL BEGIN
  UPDATE queued_bytes SET bytes = bytes -
    coalesce((SELECT sum(size_bytes) FROM blob WHERE message_id = NEW.id), 0);
END;
CREATE TRIGGER blob_unqueued AFTER DELETE ON blob
  WHEN (SELECT ended_at FROM message WHERE id = OLD.message_id) IS NULL BEGIN
  UPDATE queued_bytes SET bytes = bytes - OLD.size_bytes;
END;
`;

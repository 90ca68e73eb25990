/**
 * Schema 7: small bodies that became durable with their rows, in chunks of one size, so that writing a slot of the ring again touches
 * as many pages as it has chunks (redo-ring.ts).
 */
export const REDO = `
CREATE TABLE redo (chunk INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
`;

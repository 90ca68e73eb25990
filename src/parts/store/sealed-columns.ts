/**
 * Every column that holds text sealed under the addresses key, and what the text is bound to beside the row's id. A new sealed
 * column is added here, or a change of keys would leave it behind; a test compares the list with the schema.
 */
export const SEALED_COLUMNS = {
  "message.sealed": { table: "message", column: "sealed", context: "message" },
  "message.sealed_findings": { table: "message", column: "sealed_findings", context: "findings" },
  "variant.sealed": { table: "variant", column: "sealed", context: "variant" },
  "recipient.sealed": { table: "recipient", column: "sealed", context: "recipient" },
  "recipient.sealed_plan": { table: "recipient", column: "sealed_plan", context: "plan" },
  "recipient.sealed_reply": { table: "recipient", column: "sealed_reply", context: "reply" },
} as const;

export type SealedColumnName = keyof typeof SEALED_COLUMNS;

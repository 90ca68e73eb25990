/**
 * Every column that holds text sealed under the addresses key, what the text is bound to beside the row's id, and the column with
 * the keyed hash that changes with it. A new sealed column is added here, or a change of keys would leave it behind; a test compares
 * the list with the schema.
 */
export type SealedColumn = {
  readonly table: string;
  readonly column: string;
  readonly context: string;
  readonly index?: "address_index" | "domain_index";
};

export const SEALED_COLUMNS = {
  "message.sealed": { table: "message", column: "sealed", context: "message" },
  "message.sealed_findings": { table: "message", column: "sealed_findings", context: "findings" },
  "variant.sealed": { table: "variant", column: "sealed", context: "variant" },
  "recipient.sealed": { table: "recipient", column: "sealed", context: "recipient", index: "address_index" },
  "recipient.sealed_plan": { table: "recipient", column: "sealed_plan", context: "plan" },
  "recipient.sealed_reply": { table: "recipient", column: "sealed_reply", context: "reply" },
  "domain_fact.sealed": { table: "domain_fact", column: "sealed", context: "domain fact", index: "domain_index" },
} as const satisfies Readonly<Record<string, SealedColumn>>;

export type SealedColumnName = keyof typeof SEALED_COLUMNS;

/** Marks a branch no value can reach; a new variant then fails to compile where it is not handled. */
export function assertNever(value: never): never {
  const kind = typeof value === "object" && value !== null && "kind" in value ? String(value["kind"]) : typeof value;
  throw new Error(`unhandled variant: ${kind}`);
}

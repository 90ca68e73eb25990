/** `postern keys status | new`: which keys at rest are in use, and a new one for a change. No command prints a key. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { ringMaterial } from "../../parts/config/config-files.ts";
import { FieldSealer } from "../../parts/keys/field-sealer.ts";
import { KeyRing } from "../../parts/keys/key-ring.ts";
import type { KeyRole } from "../../parts/keys/key-ring.ts";
import type { KeyUse } from "../../parts/store/key-use.ts";
import { openQueueReader } from "../../parts/store/sqlite-queue-reader.ts";
import { CliError, Finding } from "../cli-error.ts";
import { printJsonLines, printTable, standardOutput } from "../output.ts";
import { configPathOf, DATABASE_NAME, requireConfig } from "../surroundings.ts";

const ROLES: readonly KeyRole[] = ["spool", "addresses"];

export function keysCommand(): Command {
  const command = new Command("keys").description("keys at rest: which are in use, and how to change one");
  command
    .command("status")
    .description(
      "which key wraps now, and how much still needs a key of before; exit code 1 where a needed key is missing",
    )
    .option("--json", "one JSON object a key")
    .addHelpText("after", "\nExample:\n  postern keys status")
    .action(async (options: { readonly json?: boolean }, self: Command) => status(configPathOf(self), options));
  command
    .command("new")
    .description("make a key in a new file and say how to take it in use")
    .argument("<file>", "written with mode 0600; never over an existing file")
    .addHelpText("after", "\nExample:\n  postern keys new /etc/postern/keys/spool-2.key")
    .action((file: string) => makeKey(file));
  return command;
}

type Row = {
  readonly role: KeyRole;
  readonly id: string;
  readonly state: "present" | "previous" | "missing";
  readonly values: number;
};

async function status(path: string, { json = false }: { readonly json?: boolean }): Promise<void> {
  const config = requireConfig(path, () => undefined);
  const keyRing = new KeyRing(ringMaterial(config.keys));
  const reader = openQueueReader({ path: join(config.dataDir, DATABASE_NAME), sealer: new FieldSealer(keyRing) });
  const use = await reader.keyUse().finally(() => reader.close());
  const rows = rowsOf(keyRing, use);
  const output = standardOutput();
  if (json) {
    printJsonLines(output, rows);
  } else {
    printTable(
      output,
      [
        { title: "ROLE", text: (row) => row.role },
        { title: "KEY", text: (row) => row.id },
        { title: "STATE", text: (row) => row.state },
        { title: "VALUES", text: (row) => String(row.values), alignRight: true },
        { title: "NEXT", text: adviceFor, isFlexible: true },
      ],
      rows,
    );
  }
  if (rows.some((row) => row.state === "missing")) throw new Finding();
}

function rowsOf(keyRing: KeyRing, use: readonly KeyUse[]): readonly Row[] {
  const given = ROLES.flatMap((role) =>
    keyRing.ids(role).map((id, i): Row => ({ role, id, state: i === 0 ? "present" : "previous", values: 0 })),
  );
  const known = given.map((row) => ({
    ...row,
    values: use.find(({ role, id }) => role === row.role && id === row.id)?.values ?? 0,
  }));
  const missing = use
    .filter(({ role, id }) => !keyRing.ids(role).includes(id))
    .map((needed): Row => ({ ...needed, state: "missing" }));
  return [...known, ...missing];
}

function adviceFor({ state, values, role }: Row): string {
  if (state === "missing") return `list it under keys.previous.${role}: what it sealed cannot be opened`;
  if (state === "present") return "";
  return values === 0
    ? "needed no longer here: take it out, keep it as long as backups need it"
    : "keep it: the service writes these anew while it runs";
}

function makeKey(file: string): void {
  try {
    writeFileSync(file, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600, flag: "wx", flush: true });
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new CliError(`the key file ${file} could not be written (${why})`, {
      next:
        why === "EEXIST" ? "Choose a name that is not taken; a key is never overwritten." : "Check folder and rights.",
    });
  }
  const output = standardOutput();
  output.line(`made ${file} (mode 0600)`);
  output.line("Next:");
  output.line("  1. keep a copy outside this machine");
  output.line("  2. name it in postern.yaml: as keys.spool or keys.addresses with the old one under keys.previous,");
  output.line("     or as the key of an index under dlp.edm");
  output.line(
    "  3. systemctl reload postern; of the old key `postern keys status` shows 0 values once it is not needed",
  );
}

/** `postern dlp schema`: the JSON Schema of a rule pack, so that an editor completes, explains and checks it. */
import { Command } from "commander";
import { packJsonSchema } from "../../../stages/inspect/pack-json-schema.ts";
import { standardOutput } from "../../output.ts";

export function schemaCommand(): Command {
  return new Command("schema")
    .description("print the JSON Schema of a rule pack, for editors")
    .addHelpText(
      "after",
      "\nThe same stands beside the shipped packs as pack.schema.json. An editor that knows YAML uses it where the first" +
        "\nline of a pack is `# yaml-language-server: $schema=pack.schema.json`." +
        "\nExample:\n  postern dlp schema > pack.schema.json",
    )
    .action(() => standardOutput().line(JSON.stringify(packJsonSchema(), null, 2)));
}

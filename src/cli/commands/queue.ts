/**
 * `postern queue list | show | summary | status | retry | hold | release | drop | suspend | resume | suspensions`. Reading goes to the database and works while the service is
 * down, or for whom that is closed to the service, as their role allows; acting goes to the running service, which proves who asks and records who and why.
 */
import { Command } from "commander";
import { actCommand } from "./queue/act.ts";
import { listCommand } from "./queue/list.ts";
import { showCommand } from "./queue/show.ts";
import { resumeCommand, suspendCommand, suspensionsCommand } from "./queue/suspend.ts";
import { statusCommand } from "./queue/status.ts";
import { summaryCommand } from "./queue/summary.ts";

export function queueCommand(): Command {
  const command = new Command("queue").description("look at mail under way, and act on it");
  command.addCommand(listCommand());
  command.addCommand(showCommand());
  command.addCommand(summaryCommand());
  command.addCommand(statusCommand());
  command.addCommand(actCommand("retry", "try these recipients again now"));
  command.addCommand(actCommand("hold", "put these recipients aside until a release; their sender is told"));
  command.addCommand(actCommand("release", "let held recipients go on, planned anew at their floor"));
  command.addCommand(actCommand("drop", "give up on these recipients; their sender is told"));
  command.addCommand(suspendCommand());
  command.addCommand(resumeCommand());
  command.addCommand(suspensionsCommand());
  return command;
}

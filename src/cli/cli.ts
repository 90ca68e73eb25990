#!/usr/bin/env node
/**
 * The entry of the command line: runs one command and leaves with its exit code. The commands are in program.ts, which is
 * loaded only by a Node that can run it: an older one would die within the database, without a word.
 */
const NODE_MAJOR_MIN = 26;

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough, such as `head`.
  if (error.code === "EPIPE") process.exit(0);
  process.stderr.write(
    `postern: the output cannot be written (${String(error.code)}). Next: make room, or send it elsewhere.\n`,
  );
  process.exit(1);
});
if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) {
  process.stderr.write(
    `postern: this is Node ${process.versions.node}, and Postern needs ${NODE_MAJOR_MIN} or later. ` +
      "Next: run it with node_modules/.bin/node of its folder, which `npm ci` brings along.\n",
  );
  process.exitCode = 1;
} else {
  const { runProgram } = await import("./program.ts");
  process.exitCode = await runProgram(process.argv);
}

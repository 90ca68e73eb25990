#!/usr/bin/env node
/** The entry of the command line: runs one command and leaves with its exit code. The commands are in program.ts. */
import { runProgram } from "./program.ts";

process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.exitCode = await runProgram(process.argv);

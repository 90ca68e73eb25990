import { CommanderError } from "commander";
import { expect, test } from "vitest";
import { ControlError } from "../parts/control/control-protocol.ts";
import { CliError, complaintFor, Finding } from "./cli-error.ts";

test("an error of a command says what happened and what to do next", () => {
  expect(complaintFor(new CliError("no such file", { next: "give another.", exitCode: 2 }))).toEqual({
    text: "postern: no such file. Next: give another.",
    exitCode: 2,
  });
});

test("lines before the summary keep their order", () => {
  const { text } = complaintFor(new CliError("2 errors", { next: "correct them.", lines: ["a:1:1: x", "b:2:2: y"] }));
  expect(text).toBe("a:1:1: x\nb:2:2: y\npostern: 2 errors. Next: correct them.");
});

test("an error with a code of the catalogue says the next step of the catalogue", () => {
  const { text, exitCode } = complaintFor(new ControlError("PST-CTL-009", "/run/postern/control.sock"));
  expect(text).toBe(
    "postern: PST-CTL-009: This user may not use the control socket. (/run/postern/control.sock). Next: Run the command as root or as the service's user, or become a member of the group named by `control.group`.",
  );
  expect(exitCode).toBe(1);
});

test("a finding was printed already and only sets the exit code", () => {
  expect(complaintFor(new Finding())).toEqual({ text: "", exitCode: 1 });
});

test.each([
  [0, 0],
  [1, 2],
])("wrong usage is exit code 2 and help is none: commander's %i is %i", (given, expected) => {
  expect(complaintFor(new CommanderError(given, "commander.x", "said already"))).toEqual({
    text: "",
    exitCode: expected,
  });
});

test("the message of an unexpected error is not printed, since it might hold anything", () => {
  const { text } = complaintFor(new TypeError("jane@example.org is not a function"));
  expect(text).toContain("an unexpected error (TypeError)");
  expect(text).not.toContain("jane");
});
